// Judges proofs with the ICS23 library that wallets and other chains use.
//
// Reads {cases: [{root, key, value | null, proof}]} from stdin, all in hex, and writes a list with null for every
// proof that holds and the library's complaint for every other. The folder of the library is the one argument.
//
// The tree is over the hashes of the keys. The library has no word for that (`prehash_key_before_comparison` came
// later), so it is given the hashes as the keys: the leaf's bytes are the same, and the neighbours of a key that is
// not there are compared in the tree's own order.
//
// Nor has its rule for neighbours a word for a child that is empty, which a sparse tree has. The library checks both
// neighbours whole, against the root; then steps beside an empty child are left out, for nothing is there that could
// lie between, and it judges the rest.

"use strict";
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const library = join(process.argv[2], "node_modules", "@confio", "ics23");
const { ics23, verifyExistence } = require(library);
const { ensureLeftNeighbor } = require(join(library, "build", "proofs.js"));

const hash = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const text = (string) => new Uint8Array(Buffer.from(string));

// Written down here once more, not taken from our own code: this is what a stranger reads in docs/protocol.md.
const leaf = {
  hash: ics23.HashOp.SHA256,
  prehashKey: ics23.HashOp.SHA256,
  prehashValue: ics23.HashOp.SHA256,
  length: ics23.LengthOp.NO_PREFIX,
  prefix: text("JMT::LeafNode"),
};
const innerSpec = {
  childOrder: [0, 1],
  childSize: 32,
  minPrefixLength: 16,
  maxPrefixLength: 16,
  emptyChild: text("SPARSE_MERKLE_PLACEHOLDER_HASH__"),
  hash: ics23.HashOp.SHA256,
};
const spec = { leafSpec: { ...leaf, prehashKey: ics23.HashOp.NO_HASH }, innerSpec, maxDepth: 256 };

function hashed(proof) {
  if (!proof) return proof;
  const { hash: op, prehashKey, prehashValue, length, prefix } = proof.leaf;
  const same = Buffer.from(prefix).equals(Buffer.from(leaf.prefix)) && op === leaf.hash;
  if (!same || prehashKey !== leaf.prehashKey || prehashValue !== leaf.prehashValue || length !== leaf.length) {
    throw new Error("a leaf of another form");
  }
  return { ...proof, key: hash(proof.key), leaf: spec.leafSpec };
}

const empty = Buffer.from(innerSpec.emptyChild);
const sibling = (step) => Buffer.concat([Buffer.from(step.prefix).subarray(16), Buffer.from(step.suffix)]);
const full = (proof) => proof.path.filter((step) => !sibling(step).equals(empty));
const isRight = (step) => step.suffix.length === 0;

function verifyAbsence(place, left, right, root) {
  if (!left && !right) throw new Error("no neighbour");
  for (const side of [left, right]) {
    if (side) verifyExistence(side, spec, root, side.key, side.value);
  }
  if (left && Buffer.compare(left.key, place) >= 0) throw new Error("the left neighbour is not left");
  if (right && Buffer.compare(place, right.key) >= 0) throw new Error("the right neighbour is not right");
  if (left && right) {
    ensureLeftNeighbor(innerSpec, full(left), full(right));
  } else if (left ? !full(left).every(isRight) : full(right).some(isRight)) {
    throw new Error("a neighbour that is not the outermost");
  }
}

function judge({ root, key, value, proof }) {
  const decoded = ics23.CommitmentProof.decode(bytes(proof));
  const place = hash(bytes(key));
  if (value !== null) {
    if (!decoded.exist) throw new Error("no proof of existence");
    verifyExistence(hashed(decoded.exist), spec, bytes(root), place, bytes(value));
  } else {
    if (!decoded.nonexist) throw new Error("no proof of absence");
    const { key: about, left, right } = decoded.nonexist;
    if (!Buffer.from(about).equals(Buffer.from(bytes(key)))) throw new Error("about another key");
    verifyAbsence(place, hashed(left), hashed(right), bytes(root));
  }
}

const { cases } = JSON.parse(readFileSync(0, "utf8"));
const verdicts = cases.map((one) => {
  try {
    judge(one);
    return null;
  } catch (error) {
    return String(error.message);
  }
});
process.stdout.write(JSON.stringify(verdicts));
