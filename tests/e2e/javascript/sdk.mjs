// Uses OpenAI's JavaScript SDK as its documentation does, and prints what came of it as JSON.
// Arguments: base URL, key, model, embedder, question, question that fails, question that fails once
import OpenAI from "openai";

const [baseURL, apiKey, model, embedder, question, failing, flaky] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const ask = (text, more = {}) => ({ model, messages: [{ role: "user", content: text }], ...more });
// Else the next question would be answered by the one before: they mean the same.
const exact = { mode: "exact" };
const told = {};

const plain = await client.chat.completions.create(ask(question));
told.plain = { text: plain.choices[0].message.content, status: plain.sentinel.cache.status };

const stream = await client.chat.completions.create(
  ask(question + "?", { stream: true, stream_options: { include_usage: true }, cache: exact }),
);
told.streamed = { text: "", usage: null, reason: null };
for await (const chunk of stream) {
  told.streamed.text += chunk.choices[0]?.delta?.content ?? "";
  told.streamed.reason = chunk.choices[0]?.finish_reason ?? told.streamed.reason;
  told.streamed.usage = chunk.usage ?? told.streamed.usage;
}

const again = await client.chat.completions.create(ask(question));
told.again = again.sentinel.cache;

try {
  await client.chat.completions.create(ask(failing));
} catch (error) {
  told.failed = { kind: error.constructor.name, status: error.status, code: error.code };
}
const patient = client.withOptions({ maxRetries: 2 });
told.retried = (await patient.chat.completions.create(ask(flaky))).choices[0].message.content;

try {
  await client.withOptions({ timeout: 1 }).chat.completions.create(ask(question + "!", { cache: exact }));
} catch (error) {
  told.timeout = error.constructor.name;
}

told.models = (await client.models.list()).data.map((one) => one.id);
const embedded = await client.embeddings.create({ model: embedder, input: question });
told.dimensions = embedded.data[0].embedding.length;

console.log(JSON.stringify(told));
