// The function app, on Flex Consumption.
import { Names } from 'names.bicep'

param location string
param tags object
param names Names
param packageContainer string
param journalContainer string
param anchorsContainer string
param subnetId string
param alwaysReadyHttp int
param publicUrl string
param applicationId string
param disksResourceGroup string
param disksRegion string
param gracePolicy string
param settings object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: names.identity }
resource hostStorage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = { name: names.hostStorage }
resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = { name: names.vault }
resource insights 'Microsoft.Insights/components@2020-02-02' existing = { name: names.insights }

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: names.plan
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: names.app
  location: location
  tags: union(tags, { 'azd-service-name': 'functions' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
      // Azure takes another version without an error, and then the host never starts.
      runtime: { name: 'custom', version: '1.0' }
      scaleAndConcurrency: {
        instanceMemoryMB: 512
        maximumInstanceCount: 40
        alwaysReady: alwaysReadyHttp == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyHttp }]
      }
    }
    siteConfig: { minTlsVersion: '1.2' }
  }
}

// Apart from the app, because they name its address. No secret is among them: the signing key is a reference to a
// secret of the vault. A template cannot make one, and would make another each time.
resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    {
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1048576'
      AzureWebJobsStorage__accountName: hostStorage.name
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identity.properties.clientId
      ServiceBus__fullyQualifiedNamespace: '${names.bus}.servicebus.windows.net'
      ServiceBus__credential: 'managedidentity'
      ServiceBus__clientId: identity.properties.clientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
      LATCHKEY_JOURNAL_URL: 'az://${journalContainer}'
      LATCHKEY_ANCHORS_URL: 'az://${anchorsContainer}'
      AZURE_STORAGE_ACCOUNT_NAME: names.journalStorage
      LATCHKEY_PUBLIC_URL: empty(publicUrl) ? 'https://${app.properties.defaultHostName}' : publicUrl
      LATCHKEY_VENDOR_TENANT_ID: tenant().tenantId
      LATCHKEY_VENDOR_SUBSCRIPTION_ID: subscription().subscriptionId
      LATCHKEY_APPLICATION_ID: applicationId
      LATCHKEY_MANAGED_IDENTITY_CLIENT_ID: identity.properties.clientId
      LATCHKEY_MANAGED_IDENTITY_ID: identity.id
      LATCHKEY_RESOURCE_GROUP: disksResourceGroup
      LATCHKEY_REGION: disksRegion
      LATCHKEY_SIGNING_KEY: '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/signing-key)'
      LATCHKEY_EVIDENCE_KEY: '${vault.properties.vaultUri}keys/evidence'
      LATCHKEY_SWEEP_SCHEDULE: '0 * * * * *'
      LATCHKEY_WATCH_SCHEDULE: '0 * * * * *'
      LATCHKEY_GRACE_POLICY: gracePolicy
      LOG_FORMAT: 'json'
      RUST_LOG: 'info'
    },
    settings
  )
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
output publicUrl string = empty(publicUrl) ? 'https://${app.properties.defaultHostName}' : publicUrl
