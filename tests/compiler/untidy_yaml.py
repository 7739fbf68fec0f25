"""Random specs as careless people write them: any indentation, brackets, quotes, comments, blank lines and anchors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random

WORDS = [
    *("ON", "NO", "000660", "16:00", "1e-4", "12_000", "~", "null", "BRK.B", "^GSPC", "1 session", "close + 45m"),
    *("synthetic:market", "s3://lake/bars/?x=1", "${var.trials}", "a: b", "a #b", "a#b", "- a", "-5", "--- a", "<<"),
    *("", " padded ", "it's", 'say "so"', "back\\slash", "two\nlines", "two\n\nlines\n", "  indented\nlines", "="),
    *("ends:", "[a, b]", "{a}", "a, b", "?", "? a", "%", "@x", "`x`", "*star", "&and", "!bang", "|", ">", "é ü", "#"),
    *("a long text of many words " * 6, "unbroken" * 20, "...", "...x", "-", "--", "a [b", "1,000", ":x", "a\n\n\n"),
    *("tab\there", "😀", "\n", "spaces at the end\n  "),
]
KEYS = ["vol", "var", "linear", "a key", "ON", "7", "with'quote", "a: b", "---", "x" * 30]
COMMENTS = ["# why", "#", "## title: {x: [1", "#no space 'quote", "# - a: b &x *y"]


@dataclass
class Untidy:
    """Writes one document. ``comments`` are those it wrote, ``repeats`` what an alias may stand for."""

    random: Random
    comments: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def document(self) -> str:
        text = self.flow_map(2) if self.chance(0.1) else self.block_map(0, 3)
        head = "---" + self.remark() + "\n" if self.chance(0.1) else ""
        return self.own_lines(0) + head + text + self.remark() + "\n" + self.own_lines(self.random.choice([0, 2, 7]))

    def remark(self) -> str:
        if not self.chance(0.25):
            return " " * self.random.choice([0, 0, 0, 2])
        self.comments.append(self.comment())
        return " " * self.random.randint(1, 4) + self.comments[-1]

    def own_lines(self, column: int) -> str:
        """Comments and blank lines; ends at the start of a line."""
        text = ""
        while self.chance(0.2):
            if self.chance(0.4):
                text += self.random.choice(["\n", "   \n"])
            else:
                self.comments.append(self.comment())
                text += " " * max(column + self.random.choice([0, 0, 0, 1, -1, -2]), 0) + self.comments[-1] + "\n"
        return text

    def comment(self) -> str:
        """Each with a number, so that none can stand for another."""
        return f"{self.random.choice(COMMENTS)} {len(self.comments)}."

    def anchor(self) -> str:
        if not self.chance(0.08):
            return ""
        self.anchors.append(f"a{len(self.anchors)}")
        return f"&{self.anchors[-1]} "

    def alias(self) -> str | None:
        return f"*{self.random.choice(self.anchors)}" if self.anchors and self.chance(0.1) else None

    def quoted(self, text: str) -> str:
        if "\n" not in text and "\t" not in text and self.chance(0.5):
            return "'" + text.replace("'", "''") + "'"
        return json.dumps(text, ensure_ascii=self.chance(0.3))

    def scalar(self) -> str:
        word = self.random.choice(WORDS)
        plain = word.replace(" ", "").replace(".", "").isalnum() and word == word.strip() and word.isascii()
        return word if plain and self.chance(0.7) else self.quoted(word)

    def keys(self) -> list[str]:
        names = self.random.sample(KEYS, 4)
        return [
            name if name.isalnum() and self.chance(0.8) else self.quoted(name)
            for name in names[: self.random.randint(1, 4)]
        ]

    def block_map(self, column: int, depth: int) -> str:
        return self.entries([f"{key}:" for key in self.keys()], column, depth)

    def block_list(self, column: int, depth: int) -> str:
        return self.entries(["-"] * self.random.randint(1, 4), column, depth)

    def entries(self, leads: list[str], column: int, depth: int) -> str:
        text = ""
        for index, lead in enumerate(leads):
            text += ("" if index == 0 else self.remark() + "\n" + self.own_lines(column)) + " " * column
            text += lead + self.value(column, depth, is_item=lead == "-")
        return text

    def value(self, column: int, depth: int, is_item: bool) -> str:
        alias = self.alias()
        if alias:
            return f" {alias}"
        anchor = self.anchor()
        kind = self.random.choice(
            ["scalar", "empty", "text", "flow", "flow", "map", "list"] if depth else ["scalar", "flow"]
        )
        if kind == "empty":
            return f" {anchor}".rstrip()
        if kind == "text":
            inside = " " * (column + self.random.randint(1, 4))
            lines = self.random.choice([["one", "two"], ["one", "", "  two"], ["# one", "two  ", ""], ["a " * 80, "b"]])
            head = self.random.choice("|>") + self.random.choice(["", "-", "+"])
            return f" {anchor}{head}{self.remark().rstrip()}\n" + "\n".join(inside + x if x else "" for x in lines)
        if kind == "map":
            inner = column + self.random.choice([1, 2, 2, 4])
            return f" {anchor}{self.remark()}\n{self.own_lines(inner)}{self.block_map(inner, depth - 1)}"
        if kind == "list":
            inner = column + self.random.choice([1, 2, 2, 4] if is_item else [0, 2, 2, 4])
            return f" {anchor}{self.remark()}\n{self.own_lines(inner)}{self.block_list(inner, depth - 1)}"
        broken = f"{self.remark()}\n{self.own_lines(column)}{' ' * (column + 3)}" if self.chance(0.1) else " "
        return broken + anchor + (self.scalar() if kind == "scalar" else self.flow(depth, column + 1))

    def flow(self, depth: int, column: int) -> str:
        return self.flow_map(depth, column) if self.chance(0.6) else self.flow_list(depth, column)

    def gap(self, column: int) -> str:
        if not self.chance(0.2):
            return self.random.choice(["", " ", "  "])
        return self.remark() + "\n" + self.own_lines(column) + " " * (column + self.random.randint(0, 3))

    def flow_map(self, depth: int, column: int = 1) -> str:
        parts = []
        for key in self.keys()[self.random.randint(0, 1) :]:
            colon = ": " if self.chance(0.9) else " :" + self.gap(column) + " "
            inside = "" if self.chance(0.1) else self.flow_value(depth, column)
            parts.append(self.gap(column) + key + colon + inside + self.gap(column))
        return "{" + ",".join(parts) + ("," if parts and self.chance(0.1) else "") + self.gap(column) + "}"

    def flow_list(self, depth: int, column: int) -> str:
        count = self.random.choice([0, 1, 2, 3, 20])
        parts = [self.gap(column) + self.flow_value(depth, column) + self.gap(column) for _ in range(count)]
        return "[" + ",".join(parts) + self.gap(column) + "]"

    def flow_value(self, depth: int, column: int) -> str:
        alias = self.alias()
        if alias:
            return f"{alias} "
        inside = self.flow(depth - 1, column) if depth > 0 and self.chance(0.3) else self.scalar()
        return self.anchor() + inside
