"""What the deployment engine predicts, as one flat template for checkov; and whether the workbook in it fits its schema.

    python predicted.py FOLDER-OF-SNAPSHOTS FOLDER-TO-WRITE [WORKBOOK-SCHEMA]
"""
import json
import pathlib
import sys

snapshots, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
schema = json.loads(pathlib.Path(sys.argv[3]).read_text()) if len(sys.argv) > 3 else None
target.mkdir(parents=True, exist_ok=True)
found = sorted(snapshots.glob("*.snapshot.json"))
assert found, f"no snapshot in {snapshots}"
for snapshot in found:
    predicted = json.loads(snapshot.read_text())["predictedResources"]
    flat = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": predicted,
    }
    (target / snapshot.name.replace(".snapshot", "")).write_text(json.dumps(flat, indent=2))
    workbooks = [one for one in predicted if one["type"] == "Microsoft.Insights/workbooks"]
    assert len(workbooks) == 1, f"{snapshot.name}: {len(workbooks)} workbooks"
    content = json.loads(workbooks[0]["properties"]["serializedData"])
    if schema:
        import jsonschema

        jsonschema.validate(content, schema)
    print(f"{snapshot.name}: {len(predicted)} resources, a workbook of {len(content['items'])} items")
