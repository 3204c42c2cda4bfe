// One page for whoever operates Latchkey: workbook.json, which is written from the queries of dashboard.json.

import { Names } from 'names.bicep'

param location string
param tags object
param names Names

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: names.workspace }

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
    serializedData: replace(loadTextContent('../workbook.json'), '{workspace}', workspace.id)
  }
}
