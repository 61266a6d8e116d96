"""The command for who writes specs: `schema`."""


def schema() -> None:
    """Print the JSON Schema of a spec, by which editors complete, explain and check one as you write it."""
    from resnet_repro.files import to_json
    from resnet_repro.spec.schema import spec_schema

    print(to_json(spec_schema()), end="")
