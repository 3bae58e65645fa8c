// A flight goes in, is found, read and deleted, by a client that was made of /openapi.json.
import createClient from "openapi-fetch";
import type { paths } from "./eider.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2]! });
const fail = (what: string, problem: unknown): never => {
  throw new Error(`${what}: ${JSON.stringify(problem)}`);
};

const flight = {
  year: 2013, month: 1, day: 1, sched_dep_time: 1000, sched_arr_time: 1300, carrier: "ZZ", flight: 1,
  origin: "JFK" as const, dest: "LAX", distance: 2475, hour: 10, minute: 0, time_hour: "2013-01-01T15:00:00Z",
};
const created = await client.POST("/api/v1/records/flights", { body: flight });
const id: string = created.data?.id ?? fail("create", created.error);
const found = await client.POST("/api/v1/records/flights/query", {
  body: { where: { field: "carrier", op: "eq", value: "ZZ" } },
});
if (found.data === undefined) fail("query", found.error);
const path = { params: { path: { id } } };
const read = await client.GET("/api/v1/records/flights/{id}", path);
if (read.data?.carrier !== "ZZ") fail("read", read.error);
const removed = await client.DELETE("/api/v1/records/flights/{id}", path);
if (removed.response.status !== 204) fail("delete", removed.error);
console.log("typescript: created, found, read and deleted", id);
