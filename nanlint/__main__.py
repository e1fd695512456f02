"""`python -m nanlint`, for a checkout or an interpreter without the script on its path."""

from nanlint.hosts.cli import main

if __name__ == "__main__":
    main(prog_name="nanlint")
