import { approveSpending } from "./approve-spending.ts";
import { checkInBatch } from "./check-in-batch.ts";
import { checkQuality } from "./check-quality.ts";
import { cleanCsv } from "./clean-csv.ts";
import { computeStatistics } from "./compute-statistics.ts";
import { digestFeed } from "./digest-feed.ts";
import type { StarterSource } from "./draw.ts";
import { keepFiles } from "./keep-files.ts";
import { makeInvoice } from "./make-invoice.ts";
import { mergeLists } from "./merge-lists.ts";
import { planDates } from "./plan-dates.ts";
import { readPage } from "./read-page.ts";
import { readPages } from "./read-pages.ts";
import { retryWithFallback } from "./retry-with-fallback.ts";
import { scoreLeads } from "./score-leads.ts";
import { sortTickets } from "./sort-tickets.ts";
import { takeOrders } from "./take-orders.ts";
import { transformJson } from "./transform-json.ts";
import { writeReport } from "./write-report.ts";

export type { StarterSource } from "./draw.ts";

/** The templates of the product, in the order in which they are shown. */
export const starterSources: readonly StarterSource[] = [
  cleanCsv,
  transformJson,
  mergeLists,
  checkQuality,
  writeReport,
  digestFeed,
  readPage,
  makeInvoice,
  planDates,
  keepFiles,
  computeStatistics,
  takeOrders,
  sortTickets,
  approveSpending,
  checkInBatch,
  readPages,
  scoreLeads,
  retryWithFallback,
];
