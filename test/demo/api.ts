/** A call of the API that was refused. */
export class Refused extends Error {}

/** Calls the API as any program would: over HTTP, with a bearer token once there is one. */
export class Api {
  readonly url: string;
  token = "";
  calls = 0;

  constructor(url: string) {
    this.url = url;
  }

  get<T>(path: string): Promise<T> {
    return this.#call("GET", path);
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#call("POST", path, body);
  }

  /** Every item of a list, page by page. */
  async all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "limit=100" : `limit=100&cursor=${encodeURIComponent(cursor)}`;
      const page: { items: T[]; nextCursor: string | null } = await this.get(`${path}?${query}`);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return items;
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    this.calls += 1;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        "content-type": "application/json",
        ...(this.token === "" ? {} : { authorization: `Bearer ${this.token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Refused(`${method} ${path} was answered ${response.status}: ${text.slice(0, 2_000)}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
}
