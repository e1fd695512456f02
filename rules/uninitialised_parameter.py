from collections.abc import Iterator

from nanlint.api import LIKELY, Report, Site, rule


@rule("NAN912", at="uninitialised-parameter", kind="data", mentions="Parameter(")
def uninitialised_parameter(site: Site) -> Iterator[Report]:
    """
    A parameter is made of whatever was in memory, and nothing initialises it.

    ## Why is this bad?

    `nn.Parameter(torch.empty(3, 4))` and `nn.Parameter(torch.Tensor(3, 4))` keep what another tensor left in memory.
    Often that is zeros; at times it is 1e38 or `nan`, and the first loss is `nan` in one run out of some.

    ## Bad

    ```python
    class Scale(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weight = nn.Parameter(torch.empty(width))  # flagged

        def forward(self, x):
            return self.weight * x


    torch.use_deterministic_algorithms(True)  # fills fresh memory with nan
    found = Scale(3)(torch.ones(3))
    torch.use_deterministic_algorithms(False)
    # effect: found.isnan().any()
    ```

    ## Good

    ```python
    class Scale(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weight = nn.Parameter(torch.empty(width))
            nn.init.ones_(self.weight)

        def forward(self, x):
            return self.weight * x


    torch.use_deterministic_algorithms(True)
    found = Scale(3)(torch.ones(3))
    torch.use_deterministic_algorithms(False)
    ```

    ## Known limits

    The class derives from nn.Module alone. It is left alone where anything in the file may write into an attribute of
    that name, where it goes through its parameters or modules, and where they are loaded. Another file that initialises
    modules by their class is not seen. Parameters that want no gradient are left alone.
    """
    message = f"`self.{site.payload}` is a parameter that nothing initialises, and holds whatever was in memory"
    yield site.report(LIKELY, f"{message}: fill it by torch.nn.init, or make it with torch.zeros or torch.randn")
