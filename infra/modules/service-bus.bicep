// One queue for each function that messages set off, and the topic that the vendor's own systems subscribe to. The
// names come from the app's table of functions.
import { Names } from 'names.bicep'

param location string
param tags object
param names Names
param operatorsGroupId string
param tier string
param exactScaling bool
param isPrivate bool

var entities = loadJsonContent('../entities.json')
var roles = loadJsonContent('../roles.json')

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: names.identity }

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: names.workspace }

resource bus 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: names.bus
  location: location
  tags: tags
  sku: tier == 'Premium' ? { name: 'Premium', tier: 'Premium', capacity: 1 } : { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    zoneRedundant: tier == 'Premium'
  }
}

// `latchkey doctor` compares what is there with the same two files.
//
// Duplicate detection: every step relies on it, because a message that is sent again has the ID that it had. It can only be
// set when a queue is created. Its window is as long as a message is retried. The lock: of a function that was killed, the
// message comes back after this time; the host renews the lock of one that runs. Dead-lettering: nothing disappears, what
// expires becomes a dead letter.
resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for name in entities.queues: {
    parent: bus
    name: name
    properties: loadJsonContent('../queue.json')
  }
]

resource topics 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' = [
  for name in entities.topics: {
    parent: bus
    name: name
    properties: loadJsonContent('../topic.json')
  }
]

resource receives 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in entities.queues: {
    scope: queues[index]
    name: guid(queues[index].id, identity.id, roles.serviceBusDataReceiver)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource sends 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in entities.queues: {
    scope: queues[index]
    name: guid(queues[index].id, identity.id, roles.serviceBusDataSender)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource tells 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in entities.topics: {
    scope: topics[index]
    name: guid(topics[index].id, identity.id, roles.serviceBusDataSender)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
    }
  }
]

// The platform reads the length of a queue with the identity of the app. Without this role it looks at one message.
resource scales 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in entities.queues: if (exactScaling) {
    scope: queues[index]
    name: guid(queues[index].id, identity.id, roles.serviceBusDataOwner)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataOwner)
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource operatorsReceive 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in entities.queues: if (!empty(operatorsGroupId)) {
    scope: queues[index]
    name: guid(queues[index].id, operatorsGroupId, roles.serviceBusDataReceiver)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
      principalId: operatorsGroupId
      principalType: 'Group'
    }
  }
]

resource operatorsSend 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in entities.queues: if (!empty(operatorsGroupId)) {
    scope: queues[index]
    name: guid(queues[index].id, operatorsGroupId, roles.serviceBusDataSender)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
      principalId: operatorsGroupId
      principalType: 'Group'
    }
  }
]

resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: bus
  name: 'to-workspace'
  properties: {
    workspaceId: workspace.id
    logs: [{ category: 'OperationalLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output busId string = bus.id
