"""How code shows that it may hold a site that is no call of an operation: a step of training, a cast, a difference."""

from __future__ import annotations

# by site or operator: the words of which code must hold one, and the patterns of which it must then show one. Patterns
# that start with a literal are found fast, an alternation is not.
SITES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("lt", "", ("<",)),
    ("gt", "", ("(?<!-)>",)),
    (
        "identity-test",
        "nan NaN NAN",
        (
            r"[!=]=[^\n]*(?i:nan)\b", r"(?i:\bnan)\W*?[!=]=", r"(?i:\bnan)\W* (?:not )?in\b",
            r"\b(?:is|in)\b[^\n]*(?i:\bnan)\b", r"\b(?:eq|ne|isin|not_equal)\([^\n]*(?i:\bnan)\b",
            r"^\s*\w+ = (?:float\(|\w+\.)?\W?(?i:nan)\W*$",
        ),
    ),
    (
        "rsub",
        "uint8 int8 int16 int32 byte short ByteTensor CharTensor ShortTensor",
        (
            (r"(?:int(?:8|16|32)\b|\.(?:byte|short)\(\)|(?:Byte|Char|Short)Tensor)[\s\S]*"
            r"(?: - | \*=? | -= |[\w)\]][*-][\w(]|\.mul_?\(|\.sub_?\()"),
            r"\b(?:mul|sub)\(.*(?:int8|\.byte\(\))",
        ),
    ),
    (
        "add",
        "bfloat16",
        (
            r"bfloat16[\s\S]*(?:\.99\d|\.00\d|\de-\d| [-+] 1\b)", r"\.99\d[^\n]*bfloat16",
            r"\.00\d[^\n]*bfloat16",
        ),
    ),
    ("add", "", (r"[0-9]{8}",)),
    # what cancels without a logarithm, an exponential or a root in it
    (
        "sub",
        "mean nanmean sum cos cosh",
        (
            r"-\s*[\w.]+(?:\([^()\n]*\))?\s*(?:\*\* ?2|\.pow\(2|\.square\()", r"-\s*([\w.]+(?:\(\))?)\s*\*\s*\1",
            r"-\s*\w*\.?square\(", r"1(?<=\b1)(?:\.0*)?\s*-\s*[\w.]*cosh?\b", r"sub(?:(?<=\bsub)|(?<=\brsub))_?\(",
            r"-\s*[\w.]*mean\w*(?:\([^()\n]*\))?\s*\*",
        ),
    ),
    ("sub", "cos cosh", (r"cos(?<=\bcos)h?\([\s\S]*(?:\b1(?:\.0*)?\s*-\s|-\s*1(?:\.0*)?\b(?!\.\d))",)),
    (
        "uninitialised",
        "empty empty_like new_empty Tensor FloatTensor",
        (
            # the first mention behind the assignment that is not of the format alone is in arithmetic
            (r"^[ \t]*(\w+) = (?:[\w.]+\.)?(?:new_empty|empty_like|empty|Tensor|FloatTensor)\("
            r"(?:(?!\b\1\b(?!\.(?:shape|size|dtype|device)))[\s\S])*?"
            r"(?:[-+*/@<>]\s*\1\b|\b\1\b(?:\[[^\]\n]*\])?\s*(?:[-+*/@<>]|\.\w+\()(?<!_\())"),
            r"empty(?:_like)?\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)\s*(?:[-+*/@]|\.\w+\()(?<!_\()",
        ),
    ),
    (
        "training-step",
        "",
        (
            r"backward\((?<=\bbackward\()", r"manual_backward\(", r"training_step(?<=def training_step)\b",
            r"register_hook\(", r"backward_hook\(", r"grad_hook\(", r"clip_\w*grad", r"grad\w*_clip",
            r"optimizer_step\(",
        ),
    ),
    # what the Trainer of a file is given tells of its training steps
    ("training-step", "training_step", (r"Trainer\(",)),
    (
        "optimizer",
        "",
        (
            r"optim\.\w*\(", r"SGD\w*\(", r"Adagrad\w*\(", r"Adadelta\w*\(", r"Adafactor\w*\(", r"Adam\w*\(",
            r"RMSprop\w*\(", r"Rprop\w*\(", r"LBFGS\w*\(",
        ),
    ),
    # a file that speaks of complex numbers: what is called need not say what it is, as in self.act(self.conv(x))
    (
        "complex-backward",
        "",
        (
            r"\.backward\(", r"(?<![A-Za-z])(?:[Cc]omplex|polar)", r"cfloat", r"cdouble", r"fft", r"\d[jJ]\b",
            r"\bself\.\w+\(", r"(?<![A-Za-z])(?i:act|loss|criterion|model|net)\w*\(",
        ),
    ),
    ("normal", "normal", (r"normal\((?<=\bnormal\()",)),  # nn.init.normal_ is in every other file
    # modules are called by names of their own, `self.attend(scores)`: what they are given shows
    ("softmax", "inf Inf infty", ("fill", r"where\(", r"^[\w.,*() \t]*(?:\[[^\n]*)?\]\s*=(?!=)", r"tri[ul]\(")),
    ("log_softmax", "softmax log_softmax", (r"softmax\([\s\S]*?softmax\(",)),
    ("multi_head_attention", "key_padding_mask attn_mask", (r"_mask\s*=",)),
    # casts to half; what is made in half or computed under autocast says so too
    ("cast", "", (r"\.half\b", r"HalfTensor\b", (
        r"autocast\b(?!\((?:[^()\n]*\([^()\n]*\))*[^()\n]*\benabled ?= ?False\))"
    ))),
    ("schedule", "LambdaLR", (r"LambdaLR\(",)),
    ("graph-of-gradient", "create_graph", (r"norm|dist\(",)),
    ("normalize", "normalize", (r"normalize\(",)),
    ("module-made", "eps", (r"eps\s*=\s*0(?:\.0*)?(?![\d.e])",)),
    # of gradients; elsewhere it is the cure that somebody chose
    ("nan_to_num", "nan_to_num nan_to_num_", (r"\.grad\b",)),
    ("model-call", "rand randn rand_like randn_like", (r"\d{3}|\d_\d|\d\.?[eE]\+?\d|\*\*",)),
)  # fmt: skip
