// Compiles Anchor.sol with the pinned compiler into Anchor.json; with --check it says whether that is what is there,
// byte for byte, and writes nothing.
//
// No metadata is appended to the code, so that it is the same whatever the path of the source and its comments are.
import { readFileSync, writeFileSync } from 'node:fs';
import solc from 'solc';

const version = '0.8.37';
const source = 'Anchor.sol';
const artefact = new URL('Anchor.json', import.meta.url);

const fail = (message) => {
  console.error(`compile: ${message}`);
  process.exit(1);
};

if (!solc.version().startsWith(`${version}+`)) fail(`expected solc ${version}, found ${solc.version()}`);

const settings = {
  evmVersion: 'shanghai',
  optimizer: { enabled: true, runs: 1_000_000 },
  metadata: { appendCBOR: false, bytecodeHash: 'none' },
};
const input = {
  language: 'Solidity',
  sources: { [source]: { content: readFileSync(new URL(source, import.meta.url), 'utf8') } },
  settings: {
    ...settings,
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.methodIdentifiers'] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
// Warnings too: there are none.
if (output.errors?.length) fail(output.errors.map((error) => error.formattedMessage).join('\n'));

const { abi, evm } = output.contracts[source].Anchor;
const text = `${JSON.stringify(
  {
    contract: 'Anchor',
    compiler: solc.version(),
    settings,
    abi,
    methodIdentifiers: evm.methodIdentifiers,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
  },
  null,
  2,
)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(artefact, text);
} else if (readFileSync(artefact, 'utf8') !== text) {
  fail(`Anchor.json is not what solc ${version} makes of ${source}: run "node compile.mjs", or find out who changed it`);
}
