// Long-running operations. Their addresses are in no description, but what they end with is: the answer that the request
// which began them would have had.

const PLACE = /\/(DiskOperations|operations|operationresults|operationStatuses)\/[^/]+$/i;
const STATES = ["InProgress", "Succeeded", "Failed", "Canceled"];

// A deployment tells its state in fewer words, and has none while it runs that others have.
const DEPLOYMENT = /\/deployments\/[^/]+\/operationStatuses\/[^/]+$/i;
const DEPLOYMENT_STATES = ["Accepted", "Running", "Succeeded", "Failed", "Canceled"];

const fault = (code, message) => [{ side: "operation", code, message }];

class Operations {
  constructor(common) {
    this.common = common;
    this.begun = new Map();
  }

  // Remembers what an answer announces.
  note(exchange) {
    // 200 of a deployment that is made again.
    if (![200, 201, 202].includes(exchange.status) || PLACE.test(exchange.path)) return;
    const { "azure-asyncoperation": status, location: monitor } = exchange.headers;
    if (status) this.begun.set(status, { by: exchange, monitor: false });
    if (monitor) this.begun.set(monitor, { by: exchange, monitor: true });
  }

  isOne(exchange) {
    return exchange.service === "arm" && PLACE.test(exchange.path);
  }

  // What is wrong with a look at an operation; and, as `end`, the answer of the request that began it.
  judge(exchange) {
    if (exchange.status >= 400) return { found: this.common.answer(exchange) };
    const begun = this.begun.get(exchange.url.href);
    if (!begun) return { found: fault("NOT_ANNOUNCED", "no answer has named this address") };
    if (DEPLOYMENT.test(exchange.path)) return this.deployed(exchange);
    return begun.monitor ? this.monitored(exchange, begun) : this.stated(exchange, begun);
  }

  deployed({ answer, status }) {
    const found = status === 200 ? [] : fault("STATUS", "a look at a deployment's state is always 200");
    if (!DEPLOYMENT_STATES.includes(answer.status)) found.push(...fault("STATE", `'${answer.status}' is no state`));
    if ((answer.status === "Failed") !== Boolean(answer.error))
      found.push(...fault("ERROR", "a deployment tells its error if it failed, and only then"));
    return { found };
  }

  stated({ answer, status, path }, { by }) {
    const found = this.common.operation(answer).map((error) => ({ side: "operation", ...error }));
    if (status !== 200) found.push(...fault("STATUS", "a look at an operation's state is always 200"));
    if (found.length) return { found };
    if (!STATES.includes(answer.status)) found.push(...fault("STATE", `'${answer.status}' is no state`));
    if (answer.name !== path.split("/").pop()) found.push(...fault("NAME", "is not the operation's"));
    if ((answer.status === "Failed") !== Boolean(answer.error))
      found.push(...fault("ERROR", "an operation tells its error if it failed, and only then"));
    if ((answer.status === "InProgress") === Boolean(answer.endTime))
      found.push(...fault("END", "an operation tells its end when it has one"));
    const output = (answer.properties || {}).output;
    return { found, end: output && { ...by, status: 200, headers: {}, answer: output, text: "output" } };
  }

  monitored({ status, headers, text, answer }, { by }) {
    if (status !== 202) return { found: [], end: { ...by, status, headers, answer, text } };
    if (!headers.location) return { found: fault("LOCATION", "says nowhere how it goes on") };
    return { found: text ? fault("BODY", "has one while it runs") : [] };
  }
}

exports.Operations = Operations;
