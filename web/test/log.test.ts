import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get, getPatiently, LogError, TooLong } from "../src/app/log.ts";

let answer: RequestListener = () => {};
let server: Server;
let base = "";

beforeAll(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => server.close());

test("an answer that is cut off is an error of the log, as one that does not come", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    setTimeout(() => response.destroy(), 20);
  };
  const error = await get("x", 1_000, { base }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LogError);
  expect(error).toMatchObject({ status: 0, message: expect.stringContaining("the log does not answer") });
});

test("what is cut off is asked for again", async () => {
  let asked = 0;
  answer = (_, response) => {
    asked++;
    if (asked === 1) {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      setTimeout(() => response.destroy(), 20);
    } else {
      response.end("whole");
    }
  };
  expect(new TextDecoder().decode(await getPatiently("x", 1_000, { base }))).toBe("whole");
  expect(asked).toBe(2);
});

test("whoever no longer wants an answer ends the request, and it is not asked for again", async () => {
  const controller = new AbortController();
  let asked = 0;
  const closed = new Promise<void>((done) => {
    answer = (_, response) => {
      asked++;
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      response.on("close", done);
      setTimeout(() => controller.abort(), 20);
    };
  });
  await expect(getPatiently("x", 1_000, { base, signal: controller.signal })).rejects.toThrow(LogError);
  await closed;
  expect(asked).toBe(1);
});

test("an answer is refused that is larger than it can be, or no answer of that", async () => {
  answer = (_, response) => response.end("x".repeat(1_001));
  await expect(get("x", 1_000, { base })).rejects.toThrow("more than 1000 bytes");
  answer = (_, response) => {
    response.writeHead(404);
    response.end("not there\n");
  };
  await expect(get("x", 1_000, { base })).rejects.toMatchObject({ status: 404, message: "not there" });
});

test("an answer that says itself that it is too long is not read, and not asked for again", async () => {
  let [asked, sent] = [0, 0];
  answer = (_, response) => {
    asked++;
    response.writeHead(200, { "content-length": "100000000" });
    response.write("x");
    const timer = setInterval(() => {
      sent++;
      response.write("x".repeat(10_000));
    }, 1);
    response.on("close", () => clearInterval(timer));
  };
  await expect(getPatiently("x", 1_000, { base })).rejects.toThrow(TooLong);
  expect(asked).toBe(1);
  expect(sent).toBeLessThan(1_000);
});
