export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  __InternalSupabase: { PostgrestVersion: "14.1" };
  public: {
    Tables: {
      authors: {
        Row: {
          born: string | null;
          id: number;
          initials: string | null;
          mood: Database["public"]["Enums"]["mood"];
          name: string;
          "odd name": string[] | null;
        };
        Insert: {
          born?: string | null;
          id?: never;
          mood?: Database["public"]["Enums"]["mood"];
          name: string;
          "odd name"?: string[] | null;
        };
        Update: {
          born?: string | null;
          id?: never;
          mood?: Database["public"]["Enums"]["mood"];
          name?: string;
          "odd name"?: string[] | null;
        };
        Relationships: [];
      };
      book_details: {
        Row: {
          book_id: string;
          pages: number;
        };
        Insert: {
          book_id: string;
          pages: number;
        };
        Update: {
          book_id?: string;
          pages?: number;
        };
        Relationships: [
          {
            foreignKeyName: "book_details_book_id_fkey";
            columns: ["book_id"];
            isOneToOne: true;
            referencedRelation: "books";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "book_details_book_id_fkey";
            columns: ["book_id"];
            isOneToOne: true;
            referencedRelation: "titles";
            referencedColumns: ["id"];
          },
        ];
      };
      books: {
        Row: {
          added: string;
          author_id: number;
          cents: number | null;
          data: Json | null;
          id: string;
          moods: Database["public"]["Enums"]["mood"][];
          price: number | null;
          title: string;
        };
        Insert: {
          added?: string;
          author_id: number;
          cents?: never;
          data?: Json | null;
          id: string;
          moods: Database["public"]["Enums"]["mood"][];
          price?: number | null;
          title: string;
        };
        Update: {
          added?: string;
          author_id?: number;
          cents?: never;
          data?: Json | null;
          id?: string;
          moods?: Database["public"]["Enums"]["mood"][];
          price?: number | null;
          title?: string;
        };
        Relationships: [
          {
            foreignKeyName: "books_author_id_fkey";
            columns: ["author_id"];
            isOneToOne: false;
            referencedRelation: "authors";
            referencedColumns: ["id"];
          },
        ];
      };
    };
    Views: {
      titles: {
        Row: {
          author_id: number | null;
          id: string | null;
          title: string | null;
        };
        Insert: {
          author_id?: number | null;
          id?: string | null;
          title?: string | null;
        };
        Update: {
          author_id?: number | null;
          id?: string | null;
          title?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "books_author_id_fkey";
            columns: ["author_id"];
            isOneToOne: false;
            referencedRelation: "authors";
            referencedColumns: ["id"];
          },
        ];
      };
    };
    Functions: {
      find_books: {
        Args: {
          word: string;
          most?: number;
        };
        Returns: {
          added: string;
          author_id: number;
          cents: number | null;
          data: Json | null;
          id: string;
          moods: Database["public"]["Enums"]["mood"][];
          price: number | null;
          title: string;
        }[];
        SetofOptions: {
          from: "*";
          to: "books";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      initials: {
        Args: { "": Database["public"]["Tables"]["authors"]["Row"] };
        Returns: string;
      };
      nothing: {
        Args: {
          moods: Database["public"]["Enums"]["mood"][];
        };
        Returns: undefined;
      };
      tags: {
        Args: {
          "": Database["public"]["Enums"]["mood"];
        };
        Returns: string[];
      };
      totals: {
        Args: never;
        Returns: {
          author: string;
          books: number;
        }[];
      };
    };
    Enums: {
      mood: "calm" | "so \"so\"";
    };
    CompositeTypes: {
      address: {
        street: string | null;
        number: number | null;
      };
    };
  };
  stock: {
    Tables: {
      items: {
        Row: {
          amount: number;
          book_id: string;
          id: number;
        };
        Insert: {
          amount?: number;
          book_id: string;
          id?: number;
        };
        Update: {
          amount?: number;
          book_id?: string;
          id?: number;
        };
        Relationships: [];
      };
    };
    Views: Record<never, never>;
    Functions: Record<never, never>;
    Enums: Record<never, never>;
    CompositeTypes: Record<never, never>;
  };
};

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
type First<G extends Group> = keyof Groups<"public">[G] | { schema: SchemaName };
type Second<G extends Group, F> = F extends { schema: infer S extends SchemaName } ? keyof Groups<S>[G] : never;
type Named<G extends Group, F, N> = F extends { schema: infer S extends SchemaName }
  ? N extends keyof Groups<S>[G] ? Groups<S>[G][N] : never
  : F extends keyof Groups<"public">[G] ? Groups<"public">[G][F] : never;

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

export const Constants = {
  public: {
    Enums: {
      mood: ["calm", "so \"so\""],
    },
  },
  stock: {
    Enums: {},
  },
} as const;
