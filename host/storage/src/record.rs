//! The envelope of every record: a format, a checksum over the key and the bytes, the bytes.
//!
//! The key is part of what is checked, so that a record never passes for another one.

/// The format of the envelope and of what stands in it.
pub(crate) const RECORD_FORMAT: u8 = 1;
/// One byte for the format, four for the checksum.
const HEADER_BYTES: usize = 5;

/// Wraps the parts, one after the other, as the record of this key.
pub(crate) fn seal(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>());
    record.push(RECORD_FORMAT);
    record.extend_from_slice(&checksum(RECORD_FORMAT, key, parts).to_le_bytes());
    for part in parts {
        record.extend_from_slice(part);
    }
    record
}

/// What stands in the record of this key, or what is wrong with it.
pub(crate) fn unseal<'a>(key: &[u8], record: &'a [u8]) -> Result<&'a [u8], String> {
    let Some((&[format, a, b, c, d], payload)) = record.split_first_chunk::<HEADER_BYTES>() else {
        return Err(format!("a record of {} bytes is too short", record.len()));
    };
    if checksum(format, key, &[payload]) != u32::from_le_bytes([a, b, c, d]) {
        return Err("a record does not match its checksum".into());
    }
    if format != RECORD_FORMAT {
        return Err(format!(
            "a record has format {format}, and this version of Quorate reads format {RECORD_FORMAT}; run the version that wrote it"
        ));
    }
    Ok(payload)
}

fn checksum(format: u8, key: &[u8], parts: &[&[u8]]) -> u32 {
    let mut checksum = crc32c::crc32c_append(crc32c::crc32c(&[format]), key);
    for part in parts {
        checksum = crc32c::crc32c_append(checksum, part);
    }
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_sealed() {
        let record = seal(b"key", &[b"one", b"", b"two"]);
        assert_eq!(unseal(b"key", &record), Ok(b"onetwo".as_slice()));
        assert_eq!(unseal(b"", &seal(b"", &[])), Ok(b"".as_slice()));
    }

    #[test]
    fn a_record_does_not_pass_for_one_of_another_key() {
        let record = seal(b"key", &[b"payload"]);
        assert!(unseal(b"kez", &record).is_err());
        assert!(unseal(b"", &record).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let record = seal(b"key", &[b"payload"]);
        for byte in 0..record.len() {
            for bit in 0..8 {
                let mut damaged = record.clone();
                damaged[byte] ^= 1 << bit;
                assert!(unseal(b"key", &damaged).is_err(), "bit {bit} of byte {byte}");
            }
            assert!(unseal(b"key", &record[..byte]).is_err(), "cut at {byte}");
        }
    }

    #[test]
    fn a_record_of_a_later_format_says_so() {
        let payload: &[u8] = b"payload";
        let mut record = vec![RECORD_FORMAT + 1];
        record.extend_from_slice(&checksum(RECORD_FORMAT + 1, b"key", &[payload]).to_le_bytes());
        record.extend_from_slice(payload);
        let error = unseal(b"key", &record).unwrap_err();
        assert!(error.contains("format 2"), "{error}");
    }
}
