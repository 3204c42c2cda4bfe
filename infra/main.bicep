// Everything that Latchkey needs in the vendor's subscription.
//
// What is not here: the multi-tenant application with its federated credential, which is no resource of a subscription
// (`latchkey setup` makes it), and the value of the signing key (docs/operate/deploy.md).
targetScope = 'subscription'

import { namesOf } from 'modules/names.bicep'

metadata name = 'Latchkey'
metadata description = 'A function app that takes customers from a marketplace sign-up to disks encrypted with a key that only they hold.'

@description('Names the deployment: it is in the name of the resource group and of every resource.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('The region of the app and of everything beside it. Must offer Flex Consumption.')
param location string

@description('The client ID of the multi-tenant application that customers approve. `latchkey setup` makes the application and prints it.')
param applicationId string

@description('The resource group of the disks and of the disk encryption sets. It must exist, unless it is the group that is made here.')
param disksResourceGroup string = 'rg-latchkey-${environmentName}'

@description('The region of the disks.')
param disksRegion string = location

@description('The address under which browsers reach the app, without a slash at the end. Empty: the address that Azure gives the app.')
param publicUrl string = ''

@description('Standard is enough. Premium is only needed for private endpoints of Service Bus.')
@allowed(['Standard', 'Premium'])
param serviceBusTier string = 'Standard'

@description('How many instances wait for requests, so that nobody who opens a page waits for a start.')
@minValue(0)
@maxValue(10)
param alwaysReadyHttp int = 0

@description('`public`: no network of its own. `fixed-address`: all outgoing traffic has one address, which customers can allow in the firewalls of their vaults. `private`: the same, and storage, vault and (Premium) Service Bus only through private endpoints.')
@allowed(['public', 'fixed-address', 'private'])
param network string = 'public'

@description('Addresses that may reach the vault under `private`, to write the signing key: yours, in CIDR notation.')
param vaultAddresses string[] = []

@description('Lets the platform read the length of each queue, so that it adds more than one instance at a time. It needs the role Azure Service Bus Data Owner on each queue.')
param exactScaling bool = false

@description('Who may write the signing key: the object ID of whoever deploys. Empty: nobody.')
param deployerId string = ''

@description('Whether `deployerId` is a person or a service principal.')
@allowed(['User', 'ServicePrincipal', 'Group'])
param deployerType string = 'User'

@description('A group that may work on dead letters with `latchkey dead-letters`. Empty: none.')
param operatorsGroupId string = ''

@description('Who is told of alerts.')
param alertEmails string[] = []

@description('How many days the anchors of the journal cannot be changed or deleted.')
@minValue(1)
@maxValue(3650)
param anchorDays int = 365

@description('What the grace ladder does after a revocation.')
@allowed(['alerts-only', 'suspend', 'deallocate', 'offboard'])
param gracePolicy string = 'alerts-only'

@description('Further settings of the app, by name: see local.settings.sample.json.')
param settings object = {}

var tags = { 'azd-env-name': environmentName }
var token = toLower(uniqueString(subscription().id, environmentName, location))
var names = namesOf(token)
var groupName = 'rg-latchkey-${environmentName}'
var identityId = resourceId(
  subscription().subscriptionId,
  groupName,
  'Microsoft.ManagedIdentity/userAssignedIdentities',
  names.identity
)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { location: location, tags: tags, names: names }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: { location: location, tags: tags, names: names }
  dependsOn: [identity]
}

module vnet 'modules/network.bicep' = if (network != 'public') {
  name: 'network'
  scope: group
  params: { location: location, tags: tags, names: names }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    anchorDays: anchorDays
    isPrivate: network == 'private'
  }
  dependsOn: [identity, monitoring]
}

module bus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    operatorsGroupId: operatorsGroupId
    tier: serviceBusTier
    exactScaling: exactScaling
    isPrivate: network == 'private' && serviceBusTier == 'Premium'
  }
  dependsOn: [identity, monitoring]
}

module vault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    deployerId: deployerId
    deployerType: deployerType
    isPrivate: network == 'private'
    allowedAddresses: vaultAddresses
  }
  dependsOn: [identity, monitoring]
}

module endpoints 'modules/private-endpoints.bicep' = if (network == 'private') {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    subnetId: vnet!.outputs.endpointsSubnetId
    hostStorageId: storage.outputs.hostStorageId
    journalStorageId: storage.outputs.journalStorageId
    vaultId: vault.outputs.vaultId
    busId: serviceBusTier == 'Premium' ? bus.outputs.busId : ''
  }
}

module disks 'modules/disks.bicep' = {
  name: 'disks-${environmentName}'
  scope: resourceGroup(disksResourceGroup)
  params: { names: names, principalId: identity.outputs.principalId, identityId: identityId }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    packageContainer: storage.outputs.packageContainer
    journalContainer: storage.outputs.journalContainer
    anchorsContainer: storage.outputs.anchorsContainer
    subnetId: network == 'public' ? '' : vnet!.outputs.functionsSubnetId
    alwaysReadyHttp: alwaysReadyHttp
    publicUrl: publicUrl
    applicationId: applicationId
    disksResourceGroup: disksResourceGroup
    disksRegion: disksRegion
    gracePolicy: gracePolicy
    settings: settings
  }
  // Without its roles the platform cannot fetch the package, and without the endpoints it reaches nothing.
  dependsOn: [bus, disks, endpoints, vault]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    emails: alertEmails
  }
  dependsOn: [bus, monitoring]
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: { location: location, tags: tags, names: names }
  dependsOn: [monitoring]
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = groupName
output SERVICE_FUNCTIONS_NAME string = names.app
output SERVICE_FUNCTIONS_URI string = app.outputs.url
output LATCHKEY_PUBLIC_URL string = app.outputs.publicUrl
output LATCHKEY_MANAGED_IDENTITY_ID string = identityId
output LATCHKEY_MANAGED_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output LATCHKEY_MANAGED_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output LATCHKEY_VAULT string = names.vault
output LATCHKEY_SERVICE_BUS string = names.bus
@description('The address of all outgoing traffic. Empty when there is no fixed one.')
output LATCHKEY_OUTBOUND_ADDRESS string = network == 'public' ? '' : vnet!.outputs.address
