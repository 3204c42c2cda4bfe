// A network whose outgoing traffic has one address. The probe of a customer's key comes from it, so a customer whose
// vault has a firewall can allow it.
import { Names } from 'names.bicep'

param location string
param tags object
param names Names

resource address 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: names.address
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource nat 'Microsoft.Network/natGateways@2024-05-01' = {
  name: names.nat
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIpAddresses: [{ id: address.id }] }
}

resource closed 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: names.securityGroup
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'nothing-from-the-internet'
        properties: {
          priority: 4000
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

// The subnets are part of the network: on their own, a second deployment of the network would delete them.
resource vnet 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: names.vnet
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.60.0.0/24'] }
    subnets: [
      {
        name: 'functions'
        properties: {
          addressPrefix: '10.60.0.0/26'
          natGateway: { id: nat.id }
          networkSecurityGroup: { id: closed.id }
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.60.0.64/27'
          networkSecurityGroup: { id: closed.id }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }

  resource functions 'subnets' existing = { name: 'functions' }
  resource endpoints 'subnets' existing = { name: 'endpoints' }
}

output functionsSubnetId string = vnet::functions.id
output endpointsSubnetId string = vnet::endpoints.id
output address string = address.properties.ipAddress
