// The values come from the environment: azd sets AZURE_…, and you set the others with `azd env set NAME VALUE` or in the
// shell. Everything else has a default: see main.bicep.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param applicationId = readEnvironmentVariable('LATCHKEY_APPLICATION_ID')
param deployerId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param deployerType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param disksResourceGroup = readEnvironmentVariable(
  'LATCHKEY_DISKS_RESOURCE_GROUP',
  'rg-latchkey-${readEnvironmentVariable('AZURE_ENV_NAME')}'
)
param disksRegion = readEnvironmentVariable('LATCHKEY_DISKS_REGION', readEnvironmentVariable('AZURE_LOCATION'))
param serviceBusTier = readEnvironmentVariable('LATCHKEY_SERVICE_BUS_TIER', 'Standard')
param network = readEnvironmentVariable('LATCHKEY_NETWORK', 'public')
param alwaysReadyHttp = int(readEnvironmentVariable('LATCHKEY_ALWAYS_READY_HTTP', '0'))
param publicUrl = readEnvironmentVariable('LATCHKEY_CUSTOM_URL', '')
// Several addresses are separated by commas. Without any, alerts are raised and reach nobody.
param alertEmails = empty(readEnvironmentVariable('LATCHKEY_ALERT_EMAILS', ''))
  ? []
  : split(readEnvironmentVariable('LATCHKEY_ALERT_EMAILS', ''), ',')
param operatorsGroupId = readEnvironmentVariable('LATCHKEY_OPERATORS_GROUP_ID', '')
param gracePolicy = readEnvironmentVariable('LATCHKEY_GRACE_POLICY', 'alerts-only')
// Further settings of the app, as a JSON object.
param settings = json(readEnvironmentVariable('LATCHKEY_SETTINGS', '{}'))
