// The vendor's own vault: the key that signs links, and the key that signs evidence. No customer's key is ever here.
import { Names } from 'names.bicep'

param location string
param tags object
param names Names
param deployerId string
param deployerType string
param isPrivate bool
param allowedAddresses string[]

var roles = loadJsonContent('../roles.json')

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: names.identity }

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: names.workspace }

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: names.vault
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: isPrivate && empty(allowedAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: [for address in allowedAddresses: { value: address }]
    }
  }

  resource evidence 'keys' = {
    name: 'evidence'
    properties: { kty: 'EC', curveName: 'P-256', keyOps: ['sign', 'verify'] }
  }
}

// The secret may not exist yet, so the role cannot be assigned on it alone. Nothing else is in this vault.
resource readsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identity.id, roles.keyVaultSecretsUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource signer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'latchkey-sign-evidence')
  properties: {
    roleName: 'Latchkey evidence (${resourceGroup().name})'
    description: 'Signs with the evidence key of Latchkey.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        dataActions: ['Microsoft.KeyVault/vaults/keys/read', 'Microsoft.KeyVault/vaults/keys/sign/action']
      }
    ]
  }
}

resource signs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault::evidence
  name: guid(vault::evidence.id, identity.id, signer.id)
  properties: {
    roleDefinitionId: signer.id
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource writesSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerId)) {
  scope: vault
  name: guid(vault.id, deployerId, roles.keyVaultSecretsOfficer)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
    principalId: deployerId
    principalType: deployerType
  }
}

resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspace.id
    logs: [{ category: 'AuditEvent', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output vaultId string = vault.id
