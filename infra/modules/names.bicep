// What every resource is called. Here once, so that a module can name what another one makes without waiting for it.

@export()
type Names = {
  identity: string
  workspace: string
  insights: string
  hostStorage: string
  journalStorage: string
  bus: string
  vault: string
  plan: string
  app: string
  vnet: string
  nat: string
  address: string
  securityGroup: string
}

@export()
@description('The names, from the part that tells deployments apart.')
func namesOf(token string) Names => {
  identity: 'id-latchkey-${token}'
  workspace: 'log-latchkey-${token}'
  insights: 'appi-latchkey-${token}'
  hostStorage: 'sthost${token}'
  journalStorage: 'stjournal${token}'
  bus: 'sb-latchkey-${token}'
  vault: 'kv-lk-${token}'
  plan: 'plan-latchkey-${token}'
  app: 'func-latchkey-${token}'
  vnet: 'vnet-latchkey-${token}'
  nat: 'nat-latchkey-${token}'
  address: 'pip-latchkey-${token}'
  securityGroup: 'nsg-latchkey-${token}'
}
