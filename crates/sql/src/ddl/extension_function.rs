//! Functions that extensions bring. Those that SQL calls are built in and anybody's; the others serve PostgreSQL's indexes and types, and are not
//! there. So dumps may say of either who owns them and who may call them, and nothing comes of it.

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use crate::catalog::Name;

/// Each extension's functions, separated by spaces; a star stands for any ending. (The extensions' scripts in PostgreSQL's `contrib`; pgvector's.)
const FUNCTIONS: [(&str, &str); 8] = [
    (
        "btree_gist",
        "gbt_* gbtreekey* cash_dist date_dist float4_dist float8_dist int2_dist int4_dist int8_dist interval_dist oid_dist \
         time_dist ts_dist tstz_dist",
    ),
    ("moddatetime", "moddatetime"),
    ("pg_stat_statements", "pg_stat_statements pg_stat_statements_info pg_stat_statements_reset"),
    (
        "pg_trgm",
        "gin_extract_query_trgm gin_extract_value_trgm gin_trgm_consistent gin_trgm_triconsistent gtrgm_* set_limit show_limit \
         show_trgm similarity similarity_dist similarity_op strict_word_similarity strict_word_similarity_* word_similarity \
         word_similarity_*",
    ),
    (
        "pgcrypto",
        "armor crypt dearmor decrypt decrypt_iv digest encrypt encrypt_iv fips_mode gen_random_bytes gen_random_uuid gen_salt hmac \
         pgp_armor_headers pgp_key_id pgp_pub_* pgp_sym_*",
    ),
    ("unaccent", "unaccent unaccent_init unaccent_lexize"),
    (
        "uuid-ossp",
        "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 uuid_generate_v5 uuid_nil uuid_ns_*",
    ),
    (
        "vector",
        "array_to_halfvec array_to_sparsevec array_to_vector avg binary_quantize cosine_distance halfvec* hamming_distance hnsw* \
         inner_product ivfflat* jaccard_distance l1_distance l2_distance l2_norm l2_normalize sparsevec* subvector sum vector \
         vector_*",
    ),
];

impl Change<'_> {
    /// Reads over the argument types of a function that an extension has brought where the name says, of which the project has none of its own. Tells
    /// whether it is one.
    pub(super) fn pass_extension_function(&mut self, raw: &RawName) -> Result<bool> {
        let in_schema = |schema: &str| {
            let here = |(extension, functions): &(&str, &str)| {
                let schemas = self.catalog.extensions.get(*extension);
                schemas.is_some_and(|schemas| schemas.iter().any(|at| at == schema)) && holds(functions, &raw.name)
            };
            FUNCTIONS.iter().any(here)
        };
        let is_brought = match &raw.schema {
            Some(schema) => in_schema(schema),
            None => self.path().any(in_schema),
        };
        let is_own = self.lookup(raw, |name: &Name| self.catalog.functions.contains_key(name)).is_some();
        if !is_brought || is_own {
            return Ok(false);
        }
        if self.cursor.peek_token(&Token::LParen) {
            self.cursor.in_parentheses()?;
        }
        Ok(true)
    }
}

/// Whether a name is among those of a list.
fn holds(list: &str, name: &str) -> bool {
    list.split(' ').any(|known| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == known,
    })
}
