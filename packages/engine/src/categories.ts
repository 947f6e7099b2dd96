/** Groups of node types, in the order in which an editor shows them. `icon` is a word, `color` for its edge. */
export const NODE_CATEGORIES = {
  input_output: {
    title: "Input and output",
    description: "Where a run begins and ends, and what it tells on the way.",
    icon: "door",
    color: "#5c62ff",
  },
  logic: { title: "Logic", description: "Which way a run goes.", icon: "branch", color: "#00a3a3" },
  flow: {
    title: "Flow",
    description: "Turns, batches, waits, and where branches meet or stop.",
    icon: "loop",
    color: "#1f8fff",
  },
  human: {
    title: "People",
    description: "Questions, forms and approvals that people answer.",
    icon: "person",
    color: "#d9480f",
  },
  model: {
    title: "Models",
    description: "Language models: replies, tools, what is meant and what is said in a text.",
    icon: "spark",
    color: "#7048e8",
  },
  text: { title: "Text", description: "Texts from templates, and texts taken apart.", icon: "text", color: "#3071f2" },
  data: {
    title: "Data",
    description: "Variables, lists, dates, and the formats that data is written in.",
    icon: "table",
    color: "#ff811a",
  },
  integration: {
    title: "Integration",
    description: "The world outside: web addresses, files, code and other workflows.",
    icon: "plug",
    color: "#00b83e",
  },
  note: { title: "Notes", description: "For people alone; nothing of it runs.", icon: "note", color: "#868e96" },
} as const satisfies Readonly<Record<string, { title: string; description: string; icon: string; color: string }>>;

export type NodeCategory = keyof typeof NODE_CATEGORIES;
