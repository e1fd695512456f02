"""How functions of fixtures are called that nothing found by itself fits, and what is known of those that are not.

Names are the file within `fixtures/` and the qualified name.
"""

from __future__ import annotations

EIGHT = "dict(x=torch.rand(4, 8))"
POLICY = ("Policy(3)", "dict(h=torch.rand(4, 3))")
OTHERS = ("Others()", "dict(h=torch.rand(5, 4))")
CTC = "dict(z=torch.rand(2, 1, 3), y=torch.tensor([[1, 2]]), n=torch.tensor([2]), m=torch.tensor([2]))"
PADDING = "queries=torch.ones(2, 3, dtype=torch.bool), keys=torch.ones(2, 3, dtype=torch.bool)"
FLAGS = "torch.ones(3, dtype=torch.bool)"

RECIPES = {
    "exp_overflow/cases.py Encoder.forward": ("Encoder(None)", EIGHT),
    "exp_overflow/cases.py Encoder.precision": ("Encoder(None)", EIGHT),
    "exp_overflow/cases.py Encoder.out_of_a_container": ("Encoder(None)", EIGHT),
    "exp_overflow/cases.py Encoder.out_of_a_recurrent_net": ("Encoder(None)", EIGHT),
    "exp_overflow/cases.py Encoder.behind_an_activation": ("Encoder(None)", EIGHT),
    "exp_overflow/cases.py Encoder.of_a_square": ("Encoder(None)", EIGHT),
    "exp_overflow/cases.py margin": ("", "dict(model=None, x=torch.rand(5, 4), y=torch.ones(5, 1))"),
    "log_variance_overflow/cases.py Encoder.masked_weight": (
        "Encoder()", "dict(x=torch.rand(4, 8), ours=torch.ones(4, 2))"
    ),
    "log_variance_overflow/cases.py Encoder.weight": ("Encoder()", EIGHT),
    "log_of_sigmoid/cases.py Discriminator.losses": (
        "Discriminator()", "dict(real=torch.rand(4, 8), fake=torch.rand(4, 8))"
    ),
    "distribution_parameter_at_border/cases.py Policy.rectified_linear": POLICY,
    "distribution_parameter_at_border/cases.py Policy.raw": POLICY,
    "distribution_parameter_at_border/cases.py Policy.tanh": POLICY,
    "distribution_parameter_at_border/cases.py Others.poisson": OTHERS,
    "distribution_parameter_at_border/cases.py Others.noise": OTHERS,
    "entropy_gradient_at_zero/cases.py Gate.forward": ("Gate(3, 4)", "dict(x=torch.rand(5, 3))"),
    "entropy_gradient_at_zero/cases.py Mutual.compare": (
        "Mutual(3, 4)", "dict(x=torch.rand(5, 3), noisy=torch.rand(5, 3))"
    ),
    "gamma_at_pole/cases.py Evidence.forward": ("Evidence(3, 4)", "dict(x=torch.rand(5, 3))"),
    "inverse_out_of_domain/cases.py MarginHead.forward": (
        "MarginHead(3, 4)", "dict(x=torch.rand(2, 3), target=torch.tensor([0, 1]))"
    ),
    "sqrt_of_negative/cases.py Head.forward": ("Head(3)", "dict(x=torch.rand(4, 3))"),
    "overlap_without_smoothing/cases.py iou_of_flags": ("", f"dict(p={FLAGS}, t={FLAGS})"),
    "constant_beyond_half/cases.py method": ("", f"dict(x=torch.rand(3), mask={FLAGS})"),
    "softmax_of_all_masked/cases.py of_queries_and_keys": ("", f"dict(scores=torch.rand(2, 3, 3), {PADDING})"),
    "softmax_of_all_masked/cases.py either": ("", f"dict(scores=torch.rand(2, 3, 3), {PADDING})"),
    "softmax_of_all_masked/cases.py with_padding_too": (
        "", "dict(scores=torch.rand(2, 3, 3), padded=torch.zeros(2, 1, 3, dtype=torch.bool), n=3)"
    ),
    "mean_of_empty/cases.py ignored_where_zero": ("", "dict(logits=torch.rand(2, 3), y=torch.tensor([1, 2]))"),
    "ctc_loss_of_short_input/cases.py function": ("", CTC),
    "ctc_loss_of_short_input/cases.py imported": ("", CTC),
    "ctc_loss_of_short_input/cases.py dotted": ("", CTC),
}  # fmt: skip
"""By name, what it is called on, empty for a function, and its arguments: expressions in the module of the file."""

STILL = {"manual_bce_without_clamp": frozenset({"y"}), "exp_overflow": frozenset({"y"})}
"""By rule, arguments that are a target: they stay as they are, and no gradient to them is wanted."""


def listed(groups: dict[str, str]) -> dict[str, str]:
    """The reason for each name; a row names functions of one file."""
    found = {}
    for reason, rows in groups.items():
        for row in rows.split("\n"):
            file, _, names = row.strip().partition(": ")
            found |= {f"{file} {name}": reason for name in names.split()}
    return found


NOT_RUN = listed(
    {
        "mixes dtypes, which is an error": """
        cross_entropy_of_half_probability/cases.py: of_a_method
    """,
        "a training loop: tests/test_fixes_training.py and the hazards FLOW-01 and FLOW-05 run such": """
        clip_out_of_order/cases.py: before_backward before_everything one_step accelerated Runner.propagate after_step
        clip_out_of_order/cases.py: after_step_and_before_zero_grad never_unscaled perhaps_enabled
        clip_out_of_order/cases.py: scaler_from_elsewhere Stepper.update one_branch_forgets
        missing_gradient_clipping/cases.py: epochs_and_batches under_other_names everything_is_a_parameter
        missing_gradient_clipping/cases.py: zeroed_through_the_model in_a_while_loop one_step_of_a_loop_elsewhere
        missing_gradient_clipping/cases.py: accumulated accumulated_in_an_inner_loop two_loops_are_two_findings
        missing_gradient_clipping/cases.py: adversaries critic_in_an_inner_loop list_of_optimizers
        missing_gradient_clipping/cases.py: dictionary_of_optimizers mixed_precision
        missing_gradient_clipping/cases.py: only_one_branch_clips on_a_tpu measuring_is_not_clipping
        missing_gradient_clipping/cases.py: scaling_by_a_count_is_not_clipping Runner.update
        missing_gradient_clipping/cases.py: plain_optimizer_of_the_project
        missing_gradient_clipping/hooked_to_look.py: train
        missing_gradient_clipping/recurrent.py: train
        missing_gradient_clipping/reinforcement.py: train
        nan_replaced/cases.py: cause_in_view
    """,
        "needs CUDA": """
        constant_beyond_half/cases.py: older_autocast
        log_of_nonpositive/half.py: legacy_type
    """,
        "its attributes are those of objects that other code makes": """
        distribution_parameter_at_border/cases.py: annotated
        division_by_zero_tensor/cases.py: Mean.compute empty_unless_selected
        division_by_zero_tensor/states.py: MaskedMeanOverBatches.compute MaskedMeanOverBatches.signal_to_energy
        division_by_zero_tensor/states.py: MaskedMeanOverBatches.of_what_is_never_set Latent.standardised
        division_by_zero_tensor/states.py: Latent.divergence VariationalAutoencoder.divergence Pooling.projected
        inverse_out_of_domain/cases.py: cosine_of_what_is_not_in_view rotation_distance
        sqrt_gradient_at_zero/cases.py: kept_for_the_gradient
        sqrt_of_negative/windows.py: LocalLength.trained
    """,
        "wants no gradient of an argument": """
        inverse_out_of_domain/cases.py: asked_not_to_be_trained
    """,
        "gives a function, which nothing calls": """
        log_of_nonpositive/local.py: make_divergence
    """,
        "its gradient cannot be computed, before as after": """
        normalised_by_own_scale/cases.py: augmented
    """,
    }
)
"""Functions that are not called, by name, and why."""

DIFFERS = listed(
    {
        "the quadrant of the angle is told": """
        atan_of_quotient/cases.py: of_differences of_a_difference
    """,
        "the test has an answer, a tensor": """
        comparison_with_nan/cases.py: is_member is_no_member
    """,
        "what is masked has another number": """
        constant_beyond_half/cases.py: scores_of_autocast
    """,
        "the difference of float32 had lost its digits": """
        difference_of_roots/cases.py: written_number
    """,
        "a negative number, of which there is a logarithm of gamma, becomes the smallest positive one": """
        gamma_at_pole/cases.py: of_difference
    """,
        "nothing wraps around": """
        integer_overflow/cases.py: written_numbers product flat_index random_pixels Augment.forward
    """,
        "the numbers that were found are at the border, which is kept away from": """
        inverse_out_of_domain/cases.py: clamped_parameter clamped_from_below clamped_from_below_in_place fidelity
        inverse_out_of_domain/cases.py: asked_to_be_trained at_the_limit
    """,
        "binary_cross_entropy takes equal shapes only, which these arguments are not": """
        manual_bce_without_clamp/cases.py: Net.loss of_a_column_of_softmax
    """,
        "there was a softmax or sigmoid too many": """
        probabilities_as_logits/cases.py: function imported method by_keyword_alone criterion squashed_for_classes
        probabilities_as_logits/cases.py: squashed_twice softmax_for_labels many_labels log_of_both softened_twice
        probabilities_as_logits/cases.py: policy gate
    """,
    }
)
"""Functions that give something else on ordinary input, and what."""

FAILS = listed(
    {
        "another finding is left in the same function, or has no fix": """
        half_overflow/cases.py: scores
        log_of_sigmoid/cases.py: complement_otherwise
        log_of_softmax/cases.py: others_like_it
        manual_bce_without_clamp/cases.py: eps_with_the_wrong_sign Net.loss of_a_column_of_softmax
        inverse_out_of_domain/cases.py: fidelity
    """,
    }
)
"""Functions in which something still fails."""

FINITE = listed(
    {
        "a parameter, a constant or noise decides, or no value that was tried": """
        constant_beyond_half/cases.py: scores_of_autocast
        inverse_out_of_domain/cases.py: clamped_parameter asked_to_be_trained at_the_limit
        distribution_parameter_at_border/cases.py: Policy.learned_directly Policy.either
        division_by_zero_tensor/cases.py: Averaged.forward guard_too_late
        division_by_zero_tensor/not_reached.py: known_logits_apart Cell.pressure Cell.stretched Cell.density
        entropy_gradient_at_zero/cases.py: entropy_of_parameter own_prototype
        exp_overflow/cases.py: Encoder.out_of_a_recurrent_net Encoder.of_a_parameter
        half_overflow/cases.py: RootMeanSquare.forward
        inverse_out_of_domain/cases.py: inverse_of_a_module there_and_back
        log_of_nonpositive/cases.py: of_the_averaged_softmax with_one in_a_formatted_string in_a_guard
        log_of_nonpositive/half.py: layer_under_autocast
        log_of_sigmoid/cases.py: of_one_plus
        log_of_softmax/cases.py: of_random_scores of_an_untrained_model
        manual_entropy/cases.py: of_a_mean
        normalised_by_own_scale/cases.py: Weights.forward
        singular_matrix/cases.py: spellings
        sqrt_gradient_at_zero/cases.py: clamped_to_zero_in_training gradient_penalty
        sqrt_of_negative/cases.py: PooledByTrainedPower.forward
    """,
    }
)
"""Functions that no argument made fail."""

FINITE_RULES = frozenset(
    """comparison_with_nan difference_of_roots exp_minus_one integer_overflow log_of_one_plus one_minus_cosine
    probabilities_as_logits variance_by_difference""".split()
)
"""Rules about what is wrong and finite."""
RAISED = {
    "constant_beyond_half": ("without overflow",),
    "distribution_parameter_at_border": ("to satisfy the constraint", "all elements of std >= 0"),
    "softmax_of_all_masked": ("to satisfy the constraint",),
}
"""By rule, what is said where an error is what it finds."""
