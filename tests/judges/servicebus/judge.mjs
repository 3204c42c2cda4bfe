// Microsoft's own Service Bus SDK for JavaScript as the judge of a Service Bus.
//
// Usage: judge.mjs [CONNECTION_STRING]      (or LATCHKEY_SERVICE_BUS_CONNECTION_STRING in the environment)
//
// Needs the entities of Config.json, beside this file, and nothing in them. LATCHKEY_NODE_MODULES names the folder
// node_modules in which @azure/service-bus is installed (npm ci with the package.json beside this file).
//
// One line is printed for each scenario. The exit status is 0 when every expectation of every scenario was met, 1 when
// one was not, and 3 when the SDK is not installed. LATCHKEY_JUDGE_ONLY=TEXT tries only the scenarios whose name
// contains the text. With LATCHKEY_JUDGE_ORDERS=1 whoever reads the output breaks connections off: at the line
// "order  drop connections" it does so and then writes a line to standard input.

import { createRequire } from "node:module";
import { once } from "node:events";
import path from "node:path";
import process from "node:process";
import { isDeepStrictEqual } from "node:util";

let sdk;
try {
  const modules = process.env.LATCHKEY_NODE_MODULES;
  if (!modules) throw new Error("LATCHKEY_NODE_MODULES is not set");
  sdk = createRequire(path.join(path.resolve(modules), "..", "judge.cjs"))("@azure/service-bus");
} catch (missing) {
  console.log(`the package @azure/service-bus is not installed: ${missing.message.split("\n")[0]}`);
  process.exit(3);
}
const { ServiceBusClient } = sdk;

const BRIEF_LOCK_MILLISECONDS = 5000;
const WAIT = { maxWaitTimeInMs: 60_000 };
const scenarios = [];

class Unmet extends Error {}
class PassedOver extends Error {}

function scenario(name, check) {
  scenarios.push({ name, check });
}

function expect(what, actual, expected) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Unmet(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
  }
}

async function expectError(what, code, promise) {
  try {
    await promise;
  } catch (error) {
    if (error.code === code) return;
    throw new Unmet(`${what}: expected ${code}, got ${error.code}: ${error.message}`);
  }
  throw new Unmet(`${what}: expected ${code}, but nothing was thrown`);
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function dropConnections() {
  if (process.env.LATCHKEY_JUDGE_ORDERS !== "1") throw new PassedOver("nobody is there to break connections off");
  const answered = once(process.stdin, "data");
  console.log("order  drop connections");
  await answered;
}

/** Exactly `count` messages, however many calls they take. */
async function receive(receiver, count) {
  const messages = [];
  const deadline = Date.now() + WAIT.maxWaitTimeInMs;
  while (messages.length < count) {
    const left = deadline - Date.now();
    if (left <= 0) throw new Unmet(`only ${messages.length} of ${count} messages arrived`);
    messages.push(...(await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: left })));
  }
  return messages;
}

async function completeAll(receiver, messages) {
  for (const message of messages) await receiver.completeMessage(message);
}

async function expectEmpty(receiver, what) {
  const left = await receiver.peekMessages(10, { fromSequenceNumber: longOf(0) });
  expect(`messages left in ${what}`, left.map((message) => message.body), []);
}

function longOf(number) {
  const long = createRequire(path.join(path.resolve(process.env.LATCHKEY_NODE_MODULES), "..", "judge.cjs"))("long");
  return (long.default ?? long).fromNumber(number);
}

/** A sender and a receiver of one queue, closed afterwards. */
async function withQueue(client, queue, options, check) {
  const sender = client.createSender(queue);
  const receiver = client.createReceiver(queue, options);
  try {
    await check(sender, receiver);
  } finally {
    await sender.close();
    await receiver.close();
  }
}

async function withReceiver(receiver, check) {
  try {
    await check(receiver);
  } finally {
    await receiver.close();
  }
}

const bodies = (messages) => messages.map((message) => message.body);

scenario("send, receive and complete", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    await sender.sendMessages({
      body: { hello: "world" },
      messageId: "m-1",
      contentType: "application/json",
      subject: "greeting",
      correlationId: "c-1",
      timeToLive: 3_600_000,
      applicationProperties: { text: "blue", number: 7, truth: true },
    });
    const [received] = await receive(receiver, 1);
    expect("body", received.body, { hello: "world" });
    expect("message id", received.messageId, "m-1");
    expect("subject", received.subject, "greeting");
    expect("correlation id", received.correlationId, "c-1");
    expect("time to live", received.timeToLive, 3_600_000);
    expect("properties", received.applicationProperties, { text: "blue", number: 7, truth: true });
    expect("delivery count", received.deliveryCount, 0);
    await receiver.completeMessage(received);
    await expectEmpty(receiver, "the queue");
  }),
);

scenario("a batch arrives as single messages in order", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    const batch = await sender.createMessageBatch();
    for (let number = 0; number < 50; number++) batch.tryAddMessage({ body: `batch ${number}` });
    await sender.sendMessages(batch);
    const received = await receive(receiver, 50);
    expect("bodies", bodies(received), Array.from({ length: 50 }, (_, number) => `batch ${number}`));
    await completeAll(receiver, received);
    await expectEmpty(receiver, "the queue");
  }),
);

scenario("a message of 900 KB travels in many frames", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    const text = "0123456789".repeat(90_000);
    await sender.sendMessages({ body: text });
    const [received] = await receive(receiver, 1);
    expect("the body is unchanged", received.body === text, true);
    await receiver.completeMessage(received);
  }),
);

scenario("a scheduled message waits and a cancelled one never comes", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    const soon = new Date(Date.now() + 2000);
    const [comes] = await sender.scheduleMessages({ body: "comes" }, soon);
    const [never] = await sender.scheduleMessages({ body: "never" }, new Date(Date.now() + 3_600_000));
    const peeked = await receiver.peekMessages(10);
    expect("peeked", peeked.map((message) => [message.body, message.state]), [
      ["comes", "scheduled"],
      ["never", "scheduled"],
    ]);
    expect("sequence number", peeked[0].sequenceNumber.toString(), comes.toString());
    await sender.cancelScheduledMessages(never);
    await expectError("cancel twice", "MessageNotFound", sender.cancelScheduledMessages(never));
    const [received] = await receive(receiver, 1);
    expect("body", received.body, "comes");
    expect("not before its time", Date.now() >= soon.getTime() - 10, true);
    await receiver.completeMessage(received);
    await expectEmpty(receiver, "the queue");
  }),
);

scenario("abandoned too often is a dead letter", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    await sender.sendMessages({ body: "fails", messageId: "f-1", applicationProperties: { keep: "me" } });
    for (let attempt = 0; attempt < 3; attempt++) {
      const [received] = await receive(receiver, 1);
      expect("delivery count", received.deliveryCount, attempt);
      await receiver.abandonMessage(received);
    }
    await expectEmpty(receiver, "the queue");
    await withReceiver(client.createReceiver("judge", { subQueueType: "deadLetter" }), async (dead) => {
      const [letter] = await receive(dead, 1);
      expect("message id", letter.messageId, "f-1");
      expect("reason", letter.deadLetterReason, "MaxDeliveryCountExceeded");
      expect("own property", letter.applicationProperties.keep, "me");
      await dead.completeMessage(letter);
    });
  }),
);

scenario("dead-lettered with a reason and read back", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    await sender.sendMessages({ body: "refused" });
    const [received] = await receive(receiver, 1);
    await receiver.deadLetterMessage(received, {
      deadLetterReason: "Undecodable",
      deadLetterErrorDescription: "field 'x' is missing",
      attempt: 7,
    });
    await withReceiver(client.createReceiver("judge", { subQueueType: "deadLetter" }), async (dead) => {
      const [letter] = await receive(dead, 1);
      expect("reason", letter.deadLetterReason, "Undecodable");
      expect("description", letter.deadLetterErrorDescription, "field 'x' is missing");
      expect("own property", letter.applicationProperties.attempt, 7);
      await dead.completeMessage(letter);
      await expectEmpty(dead, "the dead letters");
    });
  }),
);

scenario("a deferred message is fetched by number", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    await sender.sendMessages([{ body: "deferred" }, { body: "follows" }]);
    const [received] = await receive(receiver, 1);
    await receiver.deferMessage(received);
    const [following] = await receive(receiver, 1);
    expect("the deferred one is passed over", following.body, "follows");
    await receiver.completeMessage(following);
    const [fetched] = await receiver.receiveDeferredMessages(received.sequenceNumber);
    expect("body", fetched.body, "deferred");
    await receiver.completeMessage(fetched);
    await expectEmpty(receiver, "the queue");
  }),
);

scenario("peeking from a sequence number locks nothing", (client) =>
  withQueue(client, "judge", {}, async (sender, receiver) => {
    await sender.sendMessages([1, 2, 3, 4, 5].map((number) => ({ body: `peek ${number}` })));
    const first = await receiver.peekMessages(2);
    expect("first two", bodies(first), ["peek 1", "peek 2"]);
    expect("the rest", bodies(await receiver.peekMessages(10)), ["peek 3", "peek 4", "peek 5"]);
    const again = await receiver.peekMessages(1, { fromSequenceNumber: first[1].sequenceNumber });
    expect("from a number", bodies(again), ["peek 2"]);
    const received = await receive(receiver, 5);
    expect("no attempt was counted", received.map((message) => message.deliveryCount), [0, 0, 0, 0, 0]);
    await completeAll(receiver, received);
  }),
);

scenario("a renewed lock lasts longer", (client) =>
  withQueue(client, "judge", { maxAutoLockRenewalDurationInMs: 0 }, async (sender, receiver) => {
    await sender.sendMessages({ body: "renew" });
    const [received] = await receive(receiver, 1);
    const before = received.lockedUntilUtc;
    await pause(1100);
    expect("later", (await receiver.renewMessageLock(received)) > before, true);
    await receiver.completeMessage(received);
  }),
);

scenario("a lost lock is noticed", (client) =>
  withQueue(client, "judge-brief", { maxAutoLockRenewalDurationInMs: 0 }, async (sender, receiver) => {
    await sender.sendMessages({ body: "kept too long" });
    const [received] = await receive(receiver, 1);
    await pause(BRIEF_LOCK_MILLISECONDS + 500);
    await expectError("completing it", "MessageLockLost", receiver.completeMessage(received));
    const [again] = await receive(receiver, 1);
    expect("delivery count", again.deliveryCount, 1);
    await receiver.completeMessage(again);
  }),
);

// A send whose answer is lost with the connection is sent again: duplicate detection drops the second.
scenario("a broken connection is made again", (client) =>
  withQueue(client, "judge-unique", {}, async (sender, receiver) => {
    await sender.sendMessages({ body: "before", messageId: "js-before" });
    const [before] = await receive(receiver, 1);
    await dropConnections();
    await sender.sendMessages({ body: "after", messageId: "js-after" });
    await receiver.completeMessage(before);
    const [after] = await receive(receiver, 1);
    expect("body", after.body, "after");
    await receiver.completeMessage(after);
    await expectEmpty(receiver, "the queue");
  }),
);

scenario("a copy is dropped by duplicate detection", (client) =>
  withQueue(client, "judge-unique", {}, async (sender, receiver) => {
    await sender.sendMessages({ body: "original", messageId: "js-same" });
    await sender.sendMessages({ body: "copy", messageId: "js-same" });
    await sender.sendMessages({ body: "other", messageId: "js-other" });
    const received = await receive(receiver, 2);
    expect("bodies", bodies(received), ["original", "other"]);
    await completeAll(receiver, received);
    await expectEmpty(receiver, "the queue");
  }),
);

async function sendToTopic(client, messages) {
  const sender = client.createSender("judge-topic");
  try {
    await sender.sendMessages(messages);
  } finally {
    await sender.close();
  }
}

const coloured = (body, colour, subject) => ({ body, subject, applicationProperties: { colour } });

scenario("a subscription gets what its filter wants", async (client) => {
  const sent = [coloured("1", "red", "order"), coloured("2", "blue", "order"), coloured("3", "red", "offer")];
  await sendToTopic(client, sent);
  for (const [name, expected] of [
    ["all", ["1", "2", "3"]],
    ["red-orders", ["1"]],
  ]) {
    await withReceiver(client.createReceiver("judge-topic", name), async (receiver) => {
      const received = await receive(receiver, expected.length);
      expect(`bodies in ${name}`, bodies(received), expected);
      await completeAll(receiver, received);
      await expectEmpty(receiver, name);
    });
  }
});

scenario("rules are added, listed and removed", async (client) => {
  const manager = client.createRuleManager("judge-topic", "red-orders");
  const names = async () => {
    const found = [];
    for await (const rule of manager.listRules()) found.push(rule.name);
    return found;
  };
  await manager.createRule("blue", { applicationProperties: { colour: "blue" } });
  expect("rules", await names(), ["blue", "red-orders"]);
  await sendToTopic(client, [coloured("blue", "blue", "offer"), coloured("green", "green", "order")]);
  await withReceiver(client.createReceiver("judge-topic", "red-orders"), async (receiver) => {
    const received = await receive(receiver, 1);
    expect("body", bodies(received), ["blue"]);
    await completeAll(receiver, received);
    await expectEmpty(receiver, "red-orders");
  });
  await manager.deleteRule("blue");
  expect("rules", await names(), ["red-orders"]);
  let refused;
  await manager.createRule("sql", { sqlExpression: "colour = 'red'" }).catch((error) => (refused = error));
  expect("SQL is refused", /SQL filter/.test(refused?.message ?? ""), true);
  await withReceiver(client.createReceiver("judge-topic", "all"), async (receiver) => {
    await completeAll(receiver, await receive(receiver, 2));
  });
});

const QUICK = { maxAutoLockRenewalDurationInMs: 0 };

scenario("a session is received in order by one receiver", async (client) => {
  const sender = client.createSender("judge-sessions");
  const messages = [0, 1, 2].flatMap((number) => ["a", "b"].map((id) => ({ body: `${id}${number}`, sessionId: id })));
  await sender.sendMessages(messages);
  await sender.close();
  await withReceiver(await client.acceptSession("judge-sessions", "b", QUICK), async (receiver) => {
    expect("session", receiver.sessionId, "b");
    const received = await receive(receiver, 3);
    expect("bodies", bodies(received), ["b0", "b1", "b2"]);
    const again = client.acceptSession("judge-sessions", "b", QUICK);
    await expectError("accepting it again", "SessionCannotBeLocked", again);
    await completeAll(receiver, received);
  });
  await withReceiver(await client.acceptNextSession("judge-sessions", QUICK), async (receiver) => {
    expect("the next", receiver.sessionId, "a");
    await completeAll(receiver, await receive(receiver, 3));
  });
});

scenario("a session keeps a state and a renewed lock", async (client) => {
  await withReceiver(await client.acceptSession("judge-sessions", "js", QUICK), async (receiver) => {
    expect("no state yet", (await receiver.getSessionState()) ?? null, null);
    await receiver.setSessionState({ step: 2 });
    const before = receiver.sessionLockedUntilUtc;
    await pause(1100);
    expect("later", (await receiver.renewSessionLock()) > before, true);
  });
  await withReceiver(await client.acceptSession("judge-sessions", "js", QUICK), async (receiver) => {
    expect("state", await receiver.getSessionState(), { step: 2 });
    await receiver.setSessionState(null);
    expect("state taken away", (await receiver.getSessionState()) ?? null, null);
  });
});

scenario("a lost session is noticed and can be had again", async (client) => {
  const sender = client.createSender("judge-brief-sessions");
  await sender.sendMessages({ body: "1", sessionId: "jl" });
  await sender.close();
  await withReceiver(await client.acceptSession("judge-brief-sessions", "jl", QUICK), async (receiver) => {
    const [received] = await receive(receiver, 1);
    await pause(BRIEF_LOCK_MILLISECONDS + 500);
    await expectError("completing", "SessionLockLost", receiver.completeMessage(received));
  });
  await withReceiver(await client.acceptSession("judge-brief-sessions", "jl", QUICK), async (receiver) => {
    const [again] = await receive(receiver, 1);
    expect("delivery count", again.deliveryCount, 1);
    await receiver.completeMessage(again);
  });
});

scenario("an unknown queue is not found", async (client) => {
  const sender = client.createSender("no-such-queue");
  await expectError("sending to it", "MessagingEntityNotFound", sender.sendMessages({ body: "nobody" }));
  await sender.close();
});

const connectionString = process.argv[2] ?? process.env.LATCHKEY_SERVICE_BUS_CONNECTION_STRING;
if (!connectionString) {
  console.log("a connection string is needed: see the beginning of this file");
  process.exit(2);
}
const client = new ServiceBusClient(connectionString);
const wanted = process.env.LATCHKEY_JUDGE_ONLY ?? "";
let failed = 0;
for (const { name, check } of scenarios.filter((each) => each.name.includes(wanted))) {
  const started = Date.now();
  try {
    await check(client);
    console.log(`passed  ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    if (error instanceof PassedOver) {
      console.log(`SKIPPED ${name}: ${error.message}`);
      continue;
    }
    failed += 1;
    console.log(`FAILED  ${name}: ${error instanceof Unmet ? error.message : error.stack}`);
  }
}
await client.close();
console.log(`${failed} of ${scenarios.length} scenarios failed`);
process.exit(failed === 0 ? 0 : 1);
