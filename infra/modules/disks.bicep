// What the app may do in the resource group of the disks: exactly what it does.
import { Names } from 'names.bicep'

param names Names
@description('The identity of the app.')
param principalId string
@description('Tells the assignments of several deployments apart.')
param identityId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'latchkey-disks', names.identity)
  properties: {
    roleName: 'Latchkey disks (${resourceGroup().name}, ${names.identity})'
    description: 'Creates and deletes disk encryption sets, encrypts disks with them, and stops and starts virtual machines for it.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [{ actions: loadJsonContent('../disk-actions.json') }]
  }
}

resource mayEncrypt 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, identityId, role.id)
  properties: {
    roleDefinitionId: role.id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
