//! Signatures.

use super::{crypt, digest, encoding, random};
use crate::Base::{Bytea, Int2, Int4, Int8, Text, Uuid};
use crate::Implementation::Rust;
use crate::Kind::Is;
use crate::{Function, Operator};

pub(crate) const OPERATORS: &[Operator] =
    &[Operator::binary("||", Is(Bytea), Is(Bytea), Is(Bytea), Rust(encoding::concat))];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("encode", &[Is(Bytea), Is(Text)], Is(Text), Rust(encoding::encode)),
    Function::new("decode", &[Is(Text), Is(Text)], Is(Bytea), Rust(encoding::decode)),
    Function::new("convert_to", &[Is(Text), Is(Text)], Is(Bytea), Rust(encoding::convert_to)),
    Function::new("convert_from", &[Is(Bytea), Is(Text)], Is(Text), Rust(encoding::convert_from)),
    Function::new("length", &[Is(Bytea)], Is(Int4), Rust(encoding::length)),
    Function::new("octet_length", &[Is(Bytea)], Is(Int4), Rust(encoding::length)),
    Function::new("bit_count", &[Is(Bytea)], Is(Int8), Rust(encoding::bit_count)),
    Function::new("get_byte", &[Is(Bytea), Is(Int4)], Is(Int4), Rust(encoding::get_byte)),
    Function::new("set_byte", &[Is(Bytea), Is(Int4), Is(Int4)], Is(Bytea), Rust(encoding::set_byte)),
    Function::new("get_bit", &[Is(Bytea), Is(Int8)], Is(Int4), Rust(encoding::get_bit)),
    Function::new("set_bit", &[Is(Bytea), Is(Int8), Is(Int4)], Is(Bytea), Rust(encoding::set_bit)),
    Function::new("int2send", &[Is(Int2)], Is(Bytea), Rust(encoding::int2send)),
    Function::new("int4send", &[Is(Int4)], Is(Bytea), Rust(encoding::int4send)),
    Function::new("int8send", &[Is(Int8)], Is(Bytea), Rust(encoding::int8send)),
    Function::new("uuid_send", &[Is(Uuid)], Is(Bytea), Rust(encoding::uuid_send)),
    Function::new("substring", &[Is(Bytea), Is(Int4), Is(Int4)], Is(Bytea), Rust(encoding::substring)).optional(1),
    Function::new("substr", &[Is(Bytea), Is(Int4), Is(Int4)], Is(Bytea), Rust(encoding::substring)).optional(1),
    Function::new("strpos", &[Is(Bytea), Is(Bytea)], Is(Int4), Rust(encoding::position)),
    Function::new("overlay", &[Is(Bytea), Is(Bytea), Is(Int4), Is(Int4)], Is(Bytea), Rust(encoding::overlay))
        .optional(1),
    Function::new("btrim", &[Is(Bytea), Is(Bytea)], Is(Bytea), Rust(encoding::btrim)),
    Function::new("ltrim", &[Is(Bytea), Is(Bytea)], Is(Bytea), Rust(encoding::ltrim)),
    Function::new("rtrim", &[Is(Bytea), Is(Bytea)], Is(Bytea), Rust(encoding::rtrim)),
    Function::new("md5", &[Is(Bytea)], Is(Text), Rust(digest::md5_text)),
    Function::new("sha224", &[Is(Bytea)], Is(Bytea), Rust(digest::sha224)),
    Function::new("sha256", &[Is(Bytea)], Is(Bytea), Rust(digest::sha256)),
    Function::new("sha384", &[Is(Bytea)], Is(Bytea), Rust(digest::sha384)),
    Function::new("sha512", &[Is(Bytea)], Is(Bytea), Rust(digest::sha512)),
    Function::new("digest", &[Is(Bytea), Is(Text)], Is(Bytea), Rust(digest::digest)),
    Function::new("digest", &[Is(Text), Is(Text)], Is(Bytea), Rust(digest::digest)),
    Function::new("hmac", &[Is(Bytea), Is(Bytea), Is(Text)], Is(Bytea), Rust(digest::hmac)),
    Function::new("hmac", &[Is(Text), Is(Text), Is(Text)], Is(Bytea), Rust(digest::hmac)),
    Function::new("crypt", &[Is(Text), Is(Text)], Is(Text), Rust(crypt::crypt)),
    Function::new("gen_salt", &[Is(Text), Is(Int4)], Is(Text), Rust(crypt::gen_salt)).optional(1).volatile(),
    Function::new("gen_random_uuid", &[], Is(Uuid), Rust(random::uuid)).volatile().leakproof(),
    Function::new("uuid_generate_v4", &[], Is(Uuid), Rust(random::uuid)).volatile().leakproof(),
    Function::new("gen_random_bytes", &[Is(Int4)], Is(Bytea), Rust(random::bytes)).volatile(),
];
