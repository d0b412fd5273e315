import { assert } from 'chai';
import zlib from 'node:zlib';
import binding from 'zstd-napi/binding.js';
import { codecs } from '../../../shared/format/pack.ts';
import { type ChunkCodec, findCodec } from '../../../shared/repository/codec-zstd.ts';
import { codecInUse, compress, decompress } from '../../../shared/repository/compression.ts';
import { codeOf } from '../format/codes.ts';
import { noise, text } from './chunks.ts';

const missing = (): never => {
  throw new Error('Cannot find package');
};

/** As the zlib of a later Node answers, over the zstd that is there. */
function laterZlib() {
  const compressor = new binding.CCtx();
  return {
    constants: { ZSTD_c_compressionLevel: 100 },
    zstdCompressSync: (bytes: Uint8Array) => {
      const into = Buffer.alloc(bytes.length + 1024);
      return into.subarray(0, compressor.compress2(into, bytes));
    },
    zstdDecompressSync: (bytes: Uint8Array, { maxOutputLength = 0 }) => {
      const into = Buffer.alloc(maxOutputLength);
      return into.subarray(0, new binding.DCtx().decompress(into, bytes));
    },
  };
}

describe('compress and decompress', () => {
  it('give back what shrinks, and what does not', () => {
    for (const plain of [text(1, 65_536), noise(65_536), text(2, 1), noise(512)]) {
      const into = new Uint8Array(plain.length);
      const { codec, length } = compress(plain, into);
      const back = new Uint8Array(plain.length);
      decompress(codec, codec === 'none' ? plain : into.subarray(0, length), back);
      assert.deepEqual(back, plain);
    }
  });

  it('store plain what is not at least 5 % shorter', () => {
    assert.equal(compress(noise(65_536), new Uint8Array(65_536)).codec, 'none');
    assert.equal(compress(text(1, 65_536), new Uint8Array(65_536)).codec, codecInUse.codec);
  });

  it('read deflate everywhere', () => {
    const plain = text(3, 100_000);
    const back = new Uint8Array(plain.length);
    decompress('deflate', zlib.deflateRawSync(plain), back);
    assert.deepEqual(back, plain);
  });

  for (const codec of codecs) {
    it(`refuse a payload of codec "${codec}" that is damaged, or of another length`, () => {
      const plain = text(4, 10_000);
      for (const payload of [
        new Uint8Array(),
        noise(100),
        zlib.deflateRawSync(text(4, 10_001)),
        zlib.deflateRawSync(text(4, 9_999)),
      ]) {
        assert.equal(
          codeOf(() => decompress(codec, payload, new Uint8Array(plain.length))),
          'FORMAT_INVALID',
        );
      }
    });
  }
});

describe('findCodec', () => {
  const found: Record<string, () => ChunkCodec> = {
    'zstd-napi': () => findCodec(),
    'node:zlib': () => findCodec(missing, laterZlib()),
    JavaScript: () => findCodec(missing, { constants: {} }),
  };

  for (const [provider, find] of Object.entries(found)) {
    it(`finds ${provider}, whose payloads come back`, () => {
      const codec = find();
      assert.equal(codec.provider, provider);
      for (const plain of [text(5, 1_048_576), text(6, 3), new Uint8Array(4096)]) {
        const into = new Uint8Array(new SharedArrayBuffer(plain.length + 64));
        const length = codec.encode(plain, into);
        const back = new Uint8Array(new SharedArrayBuffer(plain.length));
        decompress(codec.codec, into.subarray(0, length), back);
        assert.deepEqual(Buffer.from(back), Buffer.from(plain));
      }
      assert.equal(codec.encode(noise(4096), new Uint8Array(2048)), 0);
    });

    it(`finds ${provider}, which reads the frames of the others`, () => {
      const plain = text(7, 300_000);
      const frame = new Uint8Array(plain.length);
      const length = new binding.CCtx().compress2(frame, plain);
      const back = new Uint8Array(new SharedArrayBuffer(plain.length));
      const reader = find();
      assert.equal(reader.decode(frame.subarray(0, length), back), plain.length);
      assert.deepEqual(Buffer.from(back), Buffer.from(plain));
    });

    it(`finds ${provider}, which writes nothing outside its memory for a frame that lies`, () => {
      const reader = find();
      const plain = text(8, 50_000);
      const frame = new Uint8Array(plain.length);
      const length = new binding.CCtx().compress2(frame, plain);
      for (let at = 0; at < length; at++) {
        const lying = frame.slice(0, length);
        lying[at] = Number(lying[at]) ^ (1 << (at % 8));
        const memory = new Uint8Array(60_000).fill(7);
        try {
          reader.decode(lying, memory.subarray(5_000, 45_000));
        } catch {
          // an error is one of the right answers
        }
        assert.isTrue(memory.subarray(0, 5_000).every((byte) => byte === 7));
        assert.isTrue(memory.subarray(45_000).every((byte) => byte === 7));
      }
    });
  }
});
