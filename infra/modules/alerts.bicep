// What somebody is told at any hour. docs/operate/alerts.md says what to do, alert by alert.
import { Names } from 'names.bicep'

param location string
param tags object
param names Names
param emails string[]

var queries = loadJsonContent('../alerts.json')

resource bus 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = { name: names.bus }
resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: names.workspace }

resource team 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-latchkey'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'latchkey'
    emailReceivers: [
      for (address, index) in emails: { name: 'email-${index}', emailAddress: address, useCommonAlertSchema: true }
    ]
  }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in queries.metrics: {
    name: 'latchkey-${alert.name}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [bus.id]
      evaluationFrequency: 'PT5M'
      windowSize: alert.window
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: alert.name
            metricName: alert.metric
            timeAggregation: alert.aggregation
            operator: 'GreaterThan'
            threshold: alert.threshold
            dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
          }
        ]
      }
      actions: [{ actionGroupId: team.id }]
    }
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in queries.logs: {
    name: 'latchkey-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Latchkey: ${alert.name}'
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspace.id]
      evaluationFrequency: alert.every
      windowSize: alert.window
      autoMitigate: true
      // The tables come with the first data, and the rule before them.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: join(alert.query, '\n')
            timeAggregation: 'Count'
            operator: alert.operator
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [team.id] }
    }
  }
]
