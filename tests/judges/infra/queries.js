// Microsoft's own parser of KQL reads every query of infra/ and binds it to the tables that it asks.
//
//     NODE_PATH=… node queries.js FILE.json…
//
// Takes alerts.json, dashboard.json and grafana.json. Says what is wrong with which query; exit status 1 then.
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const { readFileSync } = require("node:fs");

// Columns of the tables as Azure Monitor's reference lists them: those that queries may use.
// https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces and beside it
const TABLES = {
  AppTraces: "TimeGenerated: datetime, Message: string, SeverityLevel: int, Properties: dynamic, OperationId: string, OperationName: string, ParentId: string, AppRoleName: string, AppRoleInstance: string, ItemCount: int, _ResourceId: string",
  AppRequests: "TimeGenerated: datetime, Id: string, Name: string, Success: bool, ResultCode: string, DurationMs: real, Url: string, Properties: dynamic, OperationId: string, OperationName: string, AppRoleName: string, AppRoleInstance: string, ItemCount: int, _ResourceId: string",
  AzureMetrics: "TimeGenerated: datetime, ResourceProvider: string, Resource: string, MetricName: string, TimeGrain: string, UnitName: string, Average: real, Minimum: real, Maximum: real, Total: real, Count: real, _ResourceId: string",
};

const { GlobalState, KustoCode } = Kusto.Language;
const { TableSymbol, DatabaseSymbol } = Kusto.Language.Symbols;
const tables = Object.entries(TABLES).map(([name, columns]) => TableSymbol.From(`(${columns})`).WithName(name));
const database = new DatabaseSymbol.$ctor1("workspace", tables);
const globals = GlobalState.Default.WithDatabase(database);

// Grafana puts the values of its variables in before it asks; no query may hold one, so that the parser sees what is asked.
const panels = (dashboard) =>
  dashboard.panels.flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({ title: panel.title, query: [target.azureLogAnalytics.query] })));
const queriesOf = (content) => {
  if (Array.isArray(content)) return content;
  return content.panels ? panels(content) : content.logs;
};

let wrong = 0;
let read = 0;
for (const file of process.argv.slice(2)) {
  const content = JSON.parse(readFileSync(file, "utf8"));
  for (const query of queriesOf(content)) {
    const text = query.query.join("\n");
    const said = KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
    read += 1;
    for (let index = 0; index < said.Count; index++) {
      const one = said.getItem(index);
      console.error(`${file}: ${query.name ?? query.title}: ${one.Message} at ${JSON.stringify(text.slice(one.Start, one.End))}`);
      wrong += 1;
    }
  }
}
console.log(`${read} queries read, ${wrong} faults`);
process.exit(wrong || !read ? 1 : 0);
