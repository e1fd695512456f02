"""Parts of a program that are run without the rest of it: definitions alone, or what leads to one statement."""
