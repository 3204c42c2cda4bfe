// The one identity of the app. It signs in to Azure, and its tokens are what the federated credential of the
// multi-tenant application accepts.
import { Names } from 'names.bicep'

param location string
param tags object
param names Names

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.identity
  location: location
  tags: tags
}

// Whoever creates a disk encryption set with an identity must be allowed to assign it.
resource assigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'latchkey-assign-identity')
  properties: {
    roleName: 'Latchkey identity (${resourceGroup().name})'
    description: 'Assigns the managed identity of Latchkey to disk encryption sets.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [{ actions: loadJsonContent('../identity-actions.json') }]
  }
}

resource mayAssign 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: identity
  name: guid(identity.id, assigner.id)
  properties: {
    roleDefinitionId: assigner.id
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
