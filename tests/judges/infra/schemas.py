"""azure.yaml, host.json, the sample of settings and every function.json of a package fit their published schemas.

    python schemas.py FOLDER-OF-SCHEMAS
"""
import json
import pathlib
import sys

import jsonschema
import yaml

folder = pathlib.Path(sys.argv[1])


def fits(name, content, schema):
    rules = json.loads((folder / schema).read_text())
    validator = jsonschema.validators.validator_for(rules)(rules)
    faults = [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in validator.iter_errors(content)]
    assert not faults, f"{name}: {faults}"
    print(f"{name} fits {schema}")


fits("azure.yaml", yaml.safe_load(pathlib.Path("azure.yaml").read_text()), "azure.yaml.json")
fits("host.json", json.loads(pathlib.Path("host.json").read_text()), "host.json")
fits(
    "local.settings.sample.json",
    json.loads(pathlib.Path("local.settings.sample.json").read_text()),
    "local.settings.json",
)
# The schema as a whole takes no Service Bus trigger: its "oneOf" refuses what fits more than one kind of binding. So each
# binding is held to the definition of its kind.
rules = json.loads((folder / "function.json").read_text())
kinds = {
    "serviceBusTrigger": "serviceBusBinding",
    "timerTrigger": "timerTriggerBinding",
    "httpTrigger": "httpBinding",
    "http": "httpBinding",
}
functions = json.loads(pathlib.Path("handlers/fixtures/function_json.json").read_text())
for name, content in functions.items():
    for binding in content["bindings"]:
        for definition in ("bindingBase", kinds[binding["type"]]):
            part = {**rules["definitions"][definition], "definitions": rules["definitions"]}
            faults = list(jsonschema.validators.validator_for(rules)(part).iter_errors(binding))
            assert not faults, f"{name}: {faults}"
print(f"{len(functions)} function.json fit the definitions of their bindings")
