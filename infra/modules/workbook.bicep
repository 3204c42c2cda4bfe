// One page for whoever operates Latchkey: the queries of dashboard.json, in a workbook of the workspace.

import { Names } from 'names.bicep'

param location string
param tags object
param names Names

var charts = loadJsonContent('../dashboard.json')

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: names.workspace }

var intro = {
  type: 1
  name: 'intro'
  content: { json: '# Latchkey\nWhat each line means, and what to do, is in the runbook and in docs/operate.' }
}
var time = {
  type: 9
  name: 'time'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    parameters: [
      {
        id: guid('latchkey-workbook-time')
        version: 'KqlParameterItem/1.0'
        name: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 86400000 }
        typeSettings: {
          selectableValues: [{ durationMs: 3600000 }, { durationMs: 86400000 }, { durationMs: 604800000 }]
        }
      }
    ]
  }
}
var queries = [
  for (chart, index) in charts: {
    type: 3
    name: 'query-${index}'
    content: {
      version: 'KqlItem/1.0'
      query: join(chart.query, '\n')
      size: 0
      title: chart.title
      noDataMessage: 'Nothing in this time.'
      timeContextFromParameter: 'Time'
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      crossComponentResources: [workspace.id]
      visualization: chart.chart
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspace.id, 'latchkey-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Latchkey'
    category: 'workbook'
    sourceId: workspace.id
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([intro, time], queries)
      fallbackResourceIds: [workspace.id]
      '$schema': 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json'
    })
  }
}
