"""ddaudit checks"""

from rich.table import Table

from ddaudit.cli.console import out


def checks() -> None:
    """List every check with the question that it asks."""
    from ddaudit.checks import all_checks

    table = Table("id", "pillar", "question", box=None, header_style="bold")
    for check in all_checks():
        table.add_row(check.id, check.pillar, check.question)
    out.print(table)
