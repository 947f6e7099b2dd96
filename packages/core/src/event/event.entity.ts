import { modelOf, storedAttribute, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import { EVENT_STATUS } from "./event.types.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Event | primary | table | one event |
 * | Event | bySpace | gsi1 | those of a space, newest first |
 * | Event | due | gsi4 | those that nobody was told of in time; sparse, sharded |
 * | EventKey | primary | table | which event is it that its sender gave this id? |
 * | Listener | primary | table | who in this space wants to hear of what? |
 * | Listening | primary | table | what does anybody in this space want to hear of? |
 */

/** Shards of the sparse index of events: 1,000 writes a second each. */
export const EVENT_SHARDS = 8;
/** In place of `sweepAt` when nobody has to look at the event any more. */
export const NEVER = "-";

export const EventEntity = new Entity(
  {
    model: modelOf("event"),
    attributes: {
      spaceId: { type: "string", required: true },
      eventId: { type: "string", required: true },
      type: { type: "string", required: true },
      source: { type: "string", required: true },
      time: { type: "string", required: true },
      data: { ...storedAttribute, required: true },
      /** The run that it came of. */
      executionId: { type: "string" },
      /** How many events stand above that run, each started by the one before. */
      depth: { type: "number" },
      status: { type: EVENT_STATUS, required: true },
      /** Milliseconds since the epoch: until then somebody is telling it. */
      claimedUntil: { type: "number" },
      /** Who was told already, where not all were. */
      told: { type: "set", items: "string" },
      tries: { type: "number", required: true },
      error: { type: "string" },
      createdAt: { type: "string", required: true },
      createdBy: { type: "string", required: true },
      sweepShard: { type: "string", required: true },
      sweepAt: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "eventId"] }, sk: { field: "sk", composite: [] } },
      bySpace: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId"] },
        sk: { field: "gsi1sk", composite: ["eventId"] },
      },
      due: {
        index: "gsi4",
        condition: (attributes: { sweepAt?: string }) => attributes.sweepAt !== NEVER,
        pk: { field: "gsi4pk", composite: ["sweepShard"] },
        sk: { field: "gsi4sk", composite: ["sweepAt", "eventId"] },
      },
    },
  },
  ELECTRO,
);

export type EventRow = EntityItem<typeof EventEntity>;

export const EventKeyEntity = new Entity(
  {
    model: modelOf("eventkey"),
    attributes: {
      spaceId: { type: "string", required: true },
      hash: { type: "string", required: true },
      eventId: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

export const ListenerEntity = new Entity(
  {
    model: modelOf("listener"),
    attributes: {
      spaceId: { type: "string", required: true },
      /** Of an event trigger or a subscription. */
      listenerId: { type: "string", required: true },
      types: { type: CustomAttributeType<string[]>("any"), required: true },
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["listenerId"] } },
    },
  },
  ELECTRO,
);

/** One row a space, read with whatever is run: the patterns of all who listen, and at times of some who did. */
export const ListeningEntity = new Entity(
  {
    model: modelOf("listening"),
    attributes: {
      spaceId: { type: "string", required: true },
      patterns: { type: "set", items: "string" },
      /** Counts who began to listen: a pattern is taken out only where nobody did meanwhile. */
      revision: { type: "number" },
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);
