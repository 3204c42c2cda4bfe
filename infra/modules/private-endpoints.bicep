// Storage, vault and Service Bus get an address in the network, and the names that lead there.

import { Names } from 'names.bicep'

param location string
param tags object
param names Names
param subnetId string
param hostStorageId string
param journalStorageId string
param vaultId string
@description('Empty on Standard, which has no private endpoints.')
param busId string

var blobs = 'privatelink.blob.${environment().suffixes.storage}'
var vaults = 'privatelink.vaultcore.azure.net'
var buses = 'privatelink.servicebus.windows.net'
var zoneNames = empty(busId) ? [blobs, vaults] : [blobs, vaults, buses]
var always = [
  { name: 'host-storage', target: hostStorageId, part: 'blob', zone: blobs }
  { name: 'journal-storage', target: journalStorageId, part: 'blob', zone: blobs }
  { name: 'vault', target: vaultId, part: 'vault', zone: vaults }
]
var endpoints = empty(busId)
  ? always
  : concat(always, [{ name: 'service-bus', target: busId, part: 'namespace', zone: buses }])

resource vnet 'Microsoft.Network/virtualNetworks@2024-05-01' existing = { name: names.vnet }

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zoneNames: { name: name, location: 'global', tags: tags }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (name, index) in zoneNames: {
    parent: zones[index]
    name: names.vnet
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: vnet.id } }
  }
]

resource connections 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: 'pe-${endpoint.name}-${names.vnet}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        { name: endpoint.name, properties: { privateLinkServiceId: endpoint.target, groupIds: [endpoint.part] } }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, index) in endpoints: {
    parent: connections[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.part
          properties: { privateDnsZoneId: zones[indexOf(zoneNames, endpoint.zone)].id }
        }
      ]
    }
  }
]
