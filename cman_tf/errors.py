"""The one exception that means: the person's input is wrong, and this sentence says how."""


class InputError(ValueError):
    """Bad input, told in one sentence: the rule, what was received, and where.

    Command lines print the sentence alone and leave with exit code 2; a library caller catches it as a
    `ValueError`. Anything else that escapes is a defect of this project.
    """
