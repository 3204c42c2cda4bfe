using '../main.bicep'

param environmentName = 'contoso'
param location = 'westeurope'
param applicationId = '44444444-dddd-4444-8888-eeeeeeeeeeee'
param deployerId = '55555555-eeee-4444-8888-ffffffffffff'
param alertEmails = ['operations@contoso.com']
param serviceBusTier = 'Premium'
param network = 'private'
param vaultAddresses = ['203.0.113.7/32']
param anchorDays = 2555
