// Two accounts. The Functions host owns one: it keeps its keys and locks there, and the package. The journal has the
// other, where the app may touch two containers and nothing else.
import { Names } from 'names.bicep'

param location string
param tags object
param names Names
param anchorDays int
param isPrivate bool

var roles = loadJsonContent('../roles.json')

var account = {
  accessTier: 'Hot'
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  allowSharedKeyAccess: false
  defaultToOAuthAuthentication: true
  minimumTlsVersion: 'TLS1_2'
  publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  supportsHttpsTrafficOnly: true
  networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow', bypass: 'AzureServices' }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: names.identity }

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: names.workspace }

resource host 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: names.hostStorage
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: account

  resource blobs 'blobServices' = {
    name: 'default'
    properties: { deleteRetentionPolicy: { enabled: true, days: 7 } }

    resource packages 'containers' = { name: 'packages', properties: { publicAccess: 'None' } }
  }
}

resource journal 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: names.journalStorage
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: account

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      // The journal is the only record of what was agreed and seen: a deleted blob can be had back for a month.
      deleteRetentionPolicy: { enabled: true, days: 30 }
      containerDeleteRetentionPolicy: { enabled: true, days: 30 }
    }

    resource entries 'containers' = { name: 'latchkey', properties: { publicAccess: 'None' } }
    resource anchors 'containers' = {
      name: 'latchkey-anchors'
      properties: { publicAccess: 'None' }

      // Not locked: an anchor that was written by mistake would stay for years. Lock it when you are in production.
      resource immutable 'immutabilityPolicies' = {
        name: 'default'
        properties: { immutabilityPeriodSinceCreationInDays: anchorDays, allowProtectedAppendWrites: false }
      }
    }
  }
}

resource hostOwner 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host
  name: guid(host.id, identity.id, roles.storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource entriesWriter 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: journal::blobs::entries
  name: guid(journal::blobs::entries.id, identity.id, roles.storageBlobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource anchorsWriter 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: journal::blobs::anchors
  name: guid(journal::blobs::anchors.id, identity.id, roles.storageBlobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// Who changed or deleted something in the journal.
resource journalLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: journal::blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspace.id
    logs: [{ category: 'StorageWrite', enabled: true }, { category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output hostStorageId string = host.id
output packageContainer string = host::blobs::packages.name
output journalStorageId string = journal.id
output journalContainer string = journal::blobs::entries.name
output anchorsContainer string = journal::blobs::anchors.name
