// What a project writes against the generated types. Compiled by typescript.rs; every `yes` is checked by the compiler.

import { createClient } from "@supabase/supabase-js";
import { Constants, type CompositeTypes, type Database, type Enums, type Tables, type TablesInsert, type TablesUpdate } from "./database";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const yes = <T extends true>() => undefined as unknown as T;

const client = createClient<Database>("http://127.0.0.1:54321", "key");

async function main() {
  const books = await client.from("books").select("title, price, authors(name, mood)");
  if (books.data) {
    const row = books.data[0]!;
    yes<Equal<typeof row.title, string>>();
    yes<Equal<typeof row.price, number | null>>();
    yes<Equal<typeof row.authors.name, string>>();
    yes<Equal<typeof row.authors.mood, Enums<"mood">>>();
  }
  const details = await client.from("books").select("id, book_details(pages)").single();
  if (details.data) yes<Equal<typeof details.data.book_details, { pages: number } | null>>();
  const authors = await client.from("authors").select("name, initials, books(title)");
  if (authors.data) {
    yes<Equal<(typeof authors.data)[0]["books"], { title: string }[]>>();
    yes<Equal<(typeof authors.data)[0]["initials"], string | null>>();
  }
  const all = await client.from("authors").select("*").single();
  if (all.data) {
    // @ts-expect-error a computed field is only there when it is asked for
    all.data.initials;
  }
  await client.from("authors").insert({ name: "Ada", mood: "calm" });
  // @ts-expect-error the name is missing
  await client.from("authors").insert({ mood: "calm" });
  // @ts-expect-error an identity column is the database's
  await client.from("authors").insert({ name: "Ada", id: 3 });
  // @ts-expect-error no such column
  await client.from("authors").update({ nam: "Ada" });
  const found = await client.rpc("find_books", { word: "x" });
  if (found.data) yes<Equal<(typeof found.data)[0]["title"], string>>();
  const totals = await client.rpc("totals");
  if (totals.data) yes<Equal<(typeof totals.data)[0], { author: string; books: number }>>();
  const view = await client.from("titles").select("title, authors(name)");
  if (view.data) yes<Equal<(typeof view.data)[0]["title"], string | null>>();
  const items = await client.schema("stock").from("items").select("amount");
  if (items.data) yes<Equal<(typeof items.data)[0]["amount"], number>>();
}
yes<Equal<Tables<"books">["title"], string>>();
yes<Equal<Tables<"titles">["title"], string | null>>();
yes<Equal<Tables<{ schema: "stock" }, "items">["amount"], number>>();
yes<Equal<TablesInsert<"authors">["name"], string>>();
yes<Equal<TablesUpdate<"authors">["name"], string | undefined>>();
yes<Equal<Enums<"mood">, "calm" | 'so "so"'>>();
yes<Equal<CompositeTypes<"address">["street"], string | null>>();
yes<Equal<(typeof Constants.public.Enums.mood)[number], Enums<"mood">>>();
void main;
