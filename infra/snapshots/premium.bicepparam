using '../main.bicep'

param environmentName = 'contoso'
param location = 'westeurope'
param applicationId = '44444444-dddd-4444-8888-eeeeeeeeeeee'
param deployerId = '55555555-eeee-4444-8888-ffffffffffff'
param alertEmails = ['operations@contoso.com']
param serviceBusTier = 'Premium'
param exactScaling = true
param alwaysReadyHttp = 1
param operatorsGroupId = '66666666-ffff-4444-8888-aaaaaaaaaaaa'
param disksResourceGroup = 'rg-contoso-disks'
param disksRegion = 'northeurope'
param gracePolicy = 'deallocate'
param publicUrl = 'https://keys.contoso.com'
