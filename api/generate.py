#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Make mgmtd's route table and request schemas from the API document.

usage: generate.py openapi.yaml routes.c

Every operation becomes a row of http_operations[]: method, path, permission, how its body is taken,
its parameters and the handler, handle_<operationId>() (and begin_<operationId>() for streams), which
with `x-domus-slow` has a thread of its own: it asks the disk, the toolstack or other programs.
What a row can't say is an error here, not a surprise at run time.
"""
import json
import re
import sys

import yaml

METHODS = ("get", "put", "post", "patch", "delete")
TYPES = {"string": "SCHEMA_STRING", "integer": "SCHEMA_INTEGER", "boolean": "SCHEMA_BOOLEAN",
         "object": "SCHEMA_OBJECT", "null": "SCHEMA_NULL", "array": "SCHEMA_ARRAY"}
WHERE = {"path": "HTTP_IN_PATH", "query": "HTTP_IN_QUERY", "header": "HTTP_IN_HEADER"}
KNOWN = {"type", "format", "description", "enum", "minLength", "maxLength", "pattern", "minimum",
         "maximum", "multipleOf", "properties", "required", "additionalProperties", "default", "$ref",
         "items", "minItems", "maxItems"}
JSON_TYPES = {"application/json", "application/merge-patch+json"}


def quote(text):
    """A C string literal."""
    return json.dumps(text, ensure_ascii=True)


class Generator:
    def __init__(self, document):
        self.document = document
        self.lines = []
        self.schemas = {}

    def resolve(self, node):
        """Follow $ref; what stands beside it wins."""
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
        return node

    def schema(self, node):
        """Emit a schema (once per shape). Return the C name."""
        node = self.resolve(node)
        unknown = set(node) - KNOWN
        if unknown:
            raise SystemExit(f"a request schema uses {unknown}, which is not supported")
        key = json.dumps(node, sort_keys=True)
        if key in self.schemas:
            return self.schemas[key]
        types = node["type"] if isinstance(node["type"], list) else [node["type"]]
        rows = [f".types = {' | '.join(TYPES[t] for t in types)},"]
        rows += self.string_rows(node) if "string" in types else []
        rows += self.integer_rows(node) if "integer" in types else []
        rows += self.object_rows(node) if "object" in types else []
        rows += self.array_rows(node) if "array" in types else []
        name = f"schema_{len(self.schemas)}"
        self.schemas[key] = name
        self.lines += [f"static const struct schema {name} = {{", *("\t" + r for r in rows), "};", ""]
        return name

    def string_rows(self, node):
        rows = []
        if node.get("format") == "uuid":
            rows.append(".uuid = true,")
        for key, field in (("minLength", "min_length"), ("maxLength", "max_length")):
            if key in node:
                rows.append(f".{field} = {node[key]},")
        if "pattern" in node:
            if re.search(r"\\|\(\?", node["pattern"]):
                raise SystemExit(f"pattern {node['pattern']} means another thing in POSIX")
            rows.append(f".pattern = {quote(node['pattern'])},")
        if "enum" in node:
            values = ", ".join(quote(v) for v in node["enum"])
            rows.append(f".values = (const char *const[]){{ {values}, NULL }},")
        return rows

    @staticmethod
    def integer_rows(node):
        rows = [f".minimum = {node.get('minimum', 'INT64_MIN')},",
                f".maximum = {node.get('maximum', 'INT64_MAX')},"]
        if "multipleOf" in node:
            rows.append(f".multiple_of = {node['multipleOf']},")
        return rows

    def object_rows(self, node):
        if node.get("additionalProperties") is not False:
            raise SystemExit("an object in a request must have additionalProperties: false")
        required = node.get("required", [])
        rows = [".fields = (const struct schema_field[]){"]
        for name, sub in node["properties"].items():
            flag = "true" if name in required else "false"
            rows.append(f"\t{{ {quote(name)}, &{self.schema(sub)}, {flag} }},")
        return rows + ["\t{ NULL, NULL, false },", "},"]

    def array_rows(self, node):
        return [f".items = &{self.schema(node['items'])},", f".min_items = {node.get('minItems', 0)},",
                f".max_items = {node['maxItems']},"]

    def params(self, ident, nodes):
        rows = []
        for node in map(self.resolve, nodes):
            required = "true" if node.get("required") else "false"
            rows.append(f"\t{{ {quote(node['name'])}, {WHERE[node['in']]}, {required}, "
                        f"&{self.schema(node['schema'])} }},")
        self.lines += [f"static const struct http_param params_{ident}[] = {{", *rows,
                       "\t{ NULL, HTTP_IN_QUERY, false, NULL },", "};", ""]

    def body(self, op):
        """Return (how the body is taken, schema's name or NULL, merge patch?)."""
        node = op.get("requestBody")
        if not node:
            return "HTTP_BODY_NONE", "NULL", "false"
        content = node["content"]
        if op.get("x-domus-body") == "stream":
            if not op.get("x-domus-slow"):
                raise SystemExit(f"{op['operationId']}: a stream is slow")
            return "HTTP_BODY_STREAM", "NULL", "false"
        if not set(content) <= JSON_TYPES or "application/json" not in content:
            raise SystemExit(f"{op['operationId']}: unsupported body {list(content)}")
        kind = "HTTP_BODY_JSON" if node.get("required") else "HTTP_BODY_OPTIONAL"
        patch = "true" if "application/merge-patch+json" in content else "false"
        return kind, "&" + self.schema(content["application/json"]["schema"]), patch

    def operation(self, path, method, item, op):
        ident = op["operationId"]
        public = op.get("security") == []
        if public == ("x-domus-permission" in op):
            raise SystemExit(f"{ident}: needs a permission, or `security: []`")
        if op.get("x-domus-slow") and "503" not in op["responses"]:
            raise SystemExit(f"{ident}: is slow, and so may be refused (503)")
        if method != "get" and "507" not in op["responses"]:
            raise SystemExit(f"{ident}: is recorded, for which there may be no room (507)")
        body, schema, patch = self.body(op)
        self.params(ident, item.get("parameters", []) + op.get("parameters", []))
        idempotent = method == "post" and not public and op.get("x-domus-idempotent", True)
        if idempotent != any(p.get("$ref", "").endswith("/IdempotencyKey") for p in op.get("parameters", [])):
            raise SystemExit(f"{ident}: an Idempotency-Key is honoured, and checked, as a parameter")
        row = [f".id = {quote(ident)},", f".method = {quote(method.upper())},", f".path = {quote(path)},",
               f".permission = {'NULL' if public else quote(op['x-domus-permission'])},",
               f".body = {body},", f".merge_patch = {patch},",
               f".idempotent = {'true' if idempotent else 'false'},", f".schema = {schema},",
               f".audited = {'true' if op.get('x-domus-audit') else 'false'},",
               f".slow = {'true' if op.get('x-domus-slow') else 'false'},",
               f".params = params_{ident},", f".handler = handle_{ident},"]
        if body == "HTTP_BODY_STREAM":
            row.append(f".begin = begin_{ident},")
        return ["\t{", *("\t\t" + r for r in row), "\t},"]

    def run(self):
        table = []
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    table += self.operation(path, method, item, item[method])
        return "\n".join([
            "/* Made from api/openapi.yaml by api/generate.py. */",
            '#include "handlers/handlers.h"', "", *self.lines,
            "const struct http_operation http_operations[] = {", *table, "\t{ .id = NULL },", "};", ""])


def main():
    source, target = sys.argv[1:3]
    with open(source, encoding="utf-8") as f:
        text = Generator(yaml.safe_load(f)).run()
    with open(target, "w", encoding="utf-8") as f:
        f.write(text)


main()
