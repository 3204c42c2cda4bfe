#!/usr/bin/env bash
# The article's tab "Use an ARM template", deployed by Azure CLI. Goes on from where article.sh ended (see people.sh for what
# it needs).
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
. "$WORK/names"
at_the_vendors

# The article's template as it stands there, with a comment as template files may have them.
cat > "$WORK/template.json" <<'JSON'
// Use an ARM template
{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {
    "desname": {
      "defaultValue": "<Enter ISV disk encryption set name>",
      "type": "String"
    },
    "region": {
      "defaultValue": "WestCentralUS",
      "type": "String"
    },
    "userassignedmicmk": {
      "defaultValue": "/subscriptions/<Enter ISV Subscription Id>/resourceGroups/<Enter ISV resource group name>/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<Enter ISV User Assigned Identity Name>",
      "type": "String"
    },
    "cmkfederatedclientId": {
      "defaultValue": "<Enter ISV Multi-Tenant App Id>",
      "type": "String"
    },
    "keyVaultURL": {
      "defaultValue": "<Enter Client Key URL>",
      "type": "String"
    },
    "encryptionType": {
      "defaultValue": "EncryptionAtRestWithCustomerKey",
      "type": "String"
    }
  },
  "variables": {},
  "resources": [
    {
      "type": "Microsoft.Compute/diskEncryptionSets",
      "apiVersion": "2021-12-01",
      "name": "[parameters('desname')]",
      "location": "[parameters('region')]",
      "identity": {
        "type": "UserAssigned",
        "userAssignedIdentities": {
          "[parameters('userassignedmicmk')]": {}
        }
      },
      "properties": {
        "activeKey": {
          "keyUrl": "[parameters('keyVaultURL')]"
        },
        "federatedClientId": "[parameters('cmkfederatedclientId')]",
        "encryptionType": "[parameters('encryptionType')]"
      }
    }
  ]
}
JSON
given=(desname=by-template userassignedmicmk="$myAssignedId" cmkfederatedclientId="$multiTenantAppId" keyVaultURL="$MyKey")

az deployment group validate -g $isvRgName -n customer-key --template-file "$WORK/template.json" --parameters "${given[@]}" \
    --query properties.provisioningState -o tsv | expect Succeeded "what validation says"
az deployment group create -g $isvRgName -n customer-key --template-file "$WORK/template.json" --parameters "${given[@]}" \
    --query properties.provisioningState -o tsv | expect Succeeded "the state of the deployment"
az disk-encryption-set show -g $isvRgName -n by-template --query activeKey.keyUrl -o tsv | expect "$MyKey" "the key of its set"
az disk-encryption-set show -g $isvRgName -n by-template --query provisioningState -o tsv | expect Succeeded "the state of its set"
az deployment group show -g $isvRgName -n customer-key --query 'properties.outputResources[0].id' -o tsv \
    | expect "$(az disk-encryption-set show -g $isvRgName -n by-template --query id -o tsv)" "what the deployment made"
az deployment group list -g $isvRgName --query '[].name' -o tsv | expect customer-key "the deployments of the group"
az deployment operation group list -g $isvRgName -n customer-key \
    --query '[0].properties.targetResource.resourceName' -o tsv | expect by-template "what its operation was about"
echo "passed  the article's ARM template"

# ---- What the template cannot do --------------------------------------------------------------------------------------------
sed "s/\[parameters('desname')\]/[utcNow('u')]/" "$WORK/template.json" > "$WORK/unknown-function.json"
refused "template function 'utcNow'" az deployment group validate -g $isvRgName -n refused \
    --template-file "$WORK/unknown-function.json" --parameters "${given[@]}"
refused KeyVaultAccessForbidden az deployment group create -g $isvRgName -n refused --template-file "$WORK/template.json" \
    --parameters "${given[@]}" desname=without-a-key keyVaultURL="${MyKey/$kvName/no-such-vault}"
az deployment group show -g $isvRgName -n refused --query properties.error.code -o tsv | expect DeploymentFailed "its error"
az deployment group delete -g $isvRgName -n refused
az disk-encryption-set delete -g $isvRgName -n by-template
echo "passed  templates that are refused, before and after they begin"
