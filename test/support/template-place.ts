import type { Id } from "@weft/kernel/ids";
import { expect } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { callApi } from "./call.ts";
import { makeSpace, type Person } from "./people.ts";
import { echoCanvas } from "./workflows.ts";

/** A space as one person sees it. */
export interface Place {
  id: Id<"space">;
  (method: string, path: string, body?: unknown, person?: Person): ReturnType<typeof callApi>;
}

/** A new space of its owner, who calls where nobody else is named. */
export async function newPlace(
  owner: Person,
  others: { person: Person; role: "admin" | "member" }[] = [],
): Promise<Place> {
  const id = await makeSpace([{ person: owner, role: "owner" }, ...others]);
  const call = (method: string, path: string, body?: unknown, person = owner) =>
    callApi(handler as never, {
      ...{ method, path: `/api/spaces/${id}${path}`, authorizer: person.authorizer },
      ...(body === undefined ? {} : { body }),
    });
  return Object.assign(call, { id });
}

export async function must(answer: ReturnType<typeof callApi>, status = 200) {
  const { status: got, text, json } = await answer;
  expect(got, text).toBe(status);
  return json;
}

export const problem = async (answer: ReturnType<typeof callApi>) => (await answer).json.error;
export const paths = async (answer: ReturnType<typeof callApi>) =>
  (await problem(answer)).details.issues.map(({ path }: { path: string }) => path);
export const workflow = async (at: Place, canvas: unknown = echoCanvas(), more: object = {}) =>
  (await must(at("POST", "/workflows", { name: "Flow", canvas, ...more }), 201)).id;
export const template = (at: Place, sourceId: string, more: object = {}) =>
  must(at("POST", "/templates", { sourceId, ...more }), 201);
export const names = async (at: Place, query: string) =>
  (await must(at("GET", `/templates?${query}`))).items.map(({ name }: { name: string }) => name);
export const draftOf = async (at: Place, id: string) => (await must(at("GET", `/workflows/${id}/draft`))).canvas;
