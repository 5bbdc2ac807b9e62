
type SchemaName = Exclude<keyof Database, "__InternalSupabase">;

/** What a schema has, by kind; rows are read from tables and views alike. */
type Groups<S extends SchemaName> = {
  Rows: Database[S]["Tables"] & Database[S]["Views"];
  Tables: Database[S]["Tables"];
  Enums: Database[S]["Enums"];
  CompositeTypes: Database[S]["CompositeTypes"];
};
type Group = keyof Groups<SchemaName>;

/** A name in the default schema, or the schema whose name follows as the second argument. */
type First<G extends Group> = keyof Groups<"$default">[G] | { schema: SchemaName };
type Second<G extends Group, F> = F extends { schema: infer S extends SchemaName } ? keyof Groups<S>[G] : never;
type Named<G extends Group, F, N> = F extends { schema: infer S extends SchemaName }
  ? N extends keyof Groups<S>[G] ? Groups<S>[G][N] : never
  : F extends keyof Groups<"$default">[G] ? Groups<"$default">[G][F] : never;

/** A row as it is read: `Tables<"t">`, or `Tables<{ schema: "s" }, "t">` beyond the default schema. */
export type Tables<F extends First<"Rows">, N extends Second<"Rows", F> = never> =
  Named<"Rows", F, N> extends { Row: infer R } ? R : never;

/** A row as it is inserted. */
export type TablesInsert<F extends First<"Tables">, N extends Second<"Tables", F> = never> =
  Named<"Tables", F, N> extends { Insert: infer I } ? I : never;

/** A change of a row. */
export type TablesUpdate<F extends First<"Tables">, N extends Second<"Tables", F> = never> =
  Named<"Tables", F, N> extends { Update: infer U } ? U : never;

/** The labels of an enumeration. */
export type Enums<F extends First<"Enums">, N extends Second<"Enums", F> = never> = Named<"Enums", F, N>;

/** The fields of a composite type. */
export type CompositeTypes<F extends First<"CompositeTypes">, N extends Second<"CompositeTypes", F> = never> =
  Named<"CompositeTypes", F, N>;
