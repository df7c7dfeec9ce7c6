"""Texts that try to break out of every format there is."""

#: What a hostile file may carry in a class name, a key, a path or a note.
TRICKS = (
    "<script>alert(1)</script>",
    "<img src=https://evil.example/x.png onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "</title></script><!-- -->]]>",
    "{{ 7*7 }}{% raw %}",
    "![x](https://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "https://evil.example www.evil.example me@evil.example @everyone #1",
    "`` ` code ` ``",
    "a | b || c\\|",
    "line one\n\n# heading\n- item\n\n| a | b |\n|---|---|",
    "\x1b[2J\x1b[31mPASS\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\x9b31m\r\b",
    "[bold red]markup[/bold red][/] :skull:",
    "pass \u202edrawkcab\u202c \u2066iso\u2069 \u200b\ufeff\U000e0041",
    "z\u0335\u0336\u0337\u0338\u0321\u0322\u0323\u0324\u0325algo",
    "$x^2$ $\\frac{ _under ~~strike~~ **bold**",
    "../../etc/passwd\x00.pt",
    "_leading underscore",
    "long " + "x" * 5_000,
)
