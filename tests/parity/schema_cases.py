"""JSON schemas of growing difficulty, the same ones each time: what structured output is tested with."""

import random

PATTERNS = ["^[A-Z]{2}[0-9]{3}$", "^(red|green|blue)-[a-f0-9]{4}$", "[0-9]{2}", "^\\d{3}-\\d{4}$", "^[^\\s]{1,8}$", "^(ab?)+$"]
FORMATS = ["date", "date-time", "time", "email", "uuid", "ipv4", "ipv6", "hostname", "uri"]
NAMES = ["id", "name", "size", "tags", "owner", "at", "kind", "note", "größe", 'a"b', "x y", "_z", "list", "value"]
LITERALS = ["on", "off", 'quo"te', "line\nbreak", "ünï", 0, -7, 2.5, 1e-3, True, False, None, [1, "a"], {"k": [None]}, ""]


class Maker:
    """Schemas from one seed; `defs` collects what $ref names."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.defs = {}

    def chance(self, share):
        return self.random.random() < share

    def make(self, depth):
        root = self.schema(depth)
        if self.defs:
            root = {**root, "$defs": self.defs} if isinstance(root, dict) else root
        return root

    def schema(self, depth):
        simple = [self.integer, self.number, self.text, self.pattern, self.format, self.listed, self.literal, self.boolean]
        nested = [self.object, self.object, self.array, self.tuple, self.any_of, self.one_of, self.reference]
        nested += [self.all_of, self.open_object, self.named_by_pattern]
        if self.chance(0.04):  # a small model seldom ends what may go on for ever
            nested = [self.recursive]
        makers = nested if depth > 0 and self.chance(0.85) else simple
        return self.random.choice(makers)(depth)

    def integer(self, _):
        low = self.random.randint(-1000, 1000)
        return self.random.choice(
            [
                {"type": "integer"},
                {"type": "integer", "minimum": low, "maximum": low + self.random.randint(0, 500)},
                {"type": "integer", "exclusiveMinimum": low, "maximum": low + 40},
                {"type": "integer", "minimum": 0, "maximum": 100, "multipleOf": self.random.choice([2, 5, 7])},
            ]
        )

    def number(self, _):
        low = self.random.randint(-50, 50) / 2
        return {"type": "number", "minimum": low, "exclusiveMaximum": low + self.random.randint(1, 9), "multipleOf": 0.25}

    def text(self, _):
        least = self.random.randint(0, 5)
        kind = ["string", "null"] if self.chance(0.2) else "string"
        return {"type": kind, "minLength": least, "maxLength": least + self.random.randint(0, 20)}

    def pattern(self, _):
        return {"type": "string", "pattern": self.random.choice(PATTERNS), "maxLength": 20}

    def format(self, _):
        return {"type": "string", "format": self.random.choice(FORMATS)}

    def listed(self, _):
        return {"enum": self.random.sample(LITERALS, self.random.randint(1, 5))}

    def literal(self, _):
        return {"const": self.random.choice(LITERALS)}

    def boolean(self, _):
        return {"type": self.random.choice(["boolean", "null", ["boolean", "null"]])}

    def object(self, depth):
        names = self.random.sample(NAMES, self.random.randint(0, 5))
        made = {
            "type": "object",
            "properties": {name: self.schema(depth - 1) for name in names},
            "required": [name for name in names if self.chance(0.6)],
        }
        if self.chance(0.8):
            made["additionalProperties"] = False
        else:
            made["required"] = names
            made["maxProperties"] = len(names) + 1
            made["additionalProperties"] = {"type": "boolean"}
        if self.chance(0.2):
            made |= {"title": "T", "description": "about", "x-own": 1}
        return made

    def array(self, depth):
        least = self.random.randint(0, 3)
        return {
            "type": "array",
            "items": self.schema(depth - 1),
            "minItems": least,
            "maxItems": least + self.random.randint(0, 3),
        }

    def tuple(self, depth):
        items = [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": self.random.randint(0, len(items))}

    def any_of(self, depth):
        return {"anyOf": [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]}

    def one_of(self, depth):
        options = []
        for tag in self.random.sample(["cat", "dog", "cow"], 2):
            option = self.object(depth - 1)
            option["properties"] = {"type": {"const": tag}} | option["properties"]
            option["required"] = ["type", *option["required"]]
            option.pop("maxProperties", None)
            option["additionalProperties"] = False
            self.defs[f"{tag}{len(self.defs)}"] = option
            options.append({"$ref": f"#/$defs/{list(self.defs)[-1]}"})
        return {"oneOf": options, "discriminator": {"propertyName": "type"}}

    def reference(self, depth):
        name = f"d~/{len(self.defs)}"
        self.defs[name] = {}
        self.defs[name] = self.schema(depth - 1)
        return {"$ref": "#/$defs/" + name.replace("~", "~0").replace("/", "~1")}

    def recursive(self, depth):
        name = f"node{len(self.defs)}"
        self.defs[name] = {
            "type": "object",
            "properties": {
                "value": {"type": "integer", "minimum": 0, "maximum": 9},
                "next": {"anyOf": [{"type": "null"}, {"$ref": f"#/$defs/{name}"}]},
            },
            "required": ["value", "next"],
            "additionalProperties": False,
        }
        return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}, "maxItems": 2}

    def all_of(self, depth):
        low = self.random.randint(-20, 20)
        return self.random.choice(
            [
                {"allOf": [{"type": "integer", "minimum": low}, {"maximum": low + 30}]},
                {"allOf": [self.text(depth), {"type": "string"}]},
                {
                    "type": "object",
                    "properties": {"a": self.schema(depth - 1)},
                    "required": ["a", "b"],
                    "maxProperties": 2,
                    "allOf": [{"properties": {"b": {"enum": ["x", "y"]}}, "required": ["b"]}],
                },
            ]
        )

    def open_object(self, depth):
        value = self.schema(max(0, depth - 2))
        return {"type": "object", "additionalProperties": value, "maxProperties": self.random.randint(1, 3)}

    def named_by_pattern(self, _):
        return {
            "type": "object",
            "patternProperties": {"^n[0-9]$": {"type": "integer", "minimum": 0, "maximum": 99}},
            "additionalProperties": False,
            "maxProperties": 3,
        }


def schemas():
    """200 schemas; the depth grows from 0 to 5."""
    return [Maker(seed).make(depth=seed * 6 // 200) for seed in range(200)]
