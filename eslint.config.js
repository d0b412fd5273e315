/**
 * Type-aware lint. The presets find what the compiler lets pass (floating promises, non-exhaustive switches);
 * the bans below keep one owner per side effect: time in base/clock.ts, the environment in base/env.ts, the
 * screen in cli/output.ts. Each ban says what to do instead.
 */
import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import node from 'eslint-plugin-n';
import tseslint from 'typescript-eslint';

const timeBans = [
  {
    selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
    message: 'Ask a Clock (shared/base/clock.ts), so that tests can set the time',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Ask a Clock (shared/base/clock.ts), so that tests can set the time',
  },
  {
    selector: 'CallExpression[callee.name=/^(setTimeout|setInterval)$/]',
    message: 'Use Clock.sleep or Clock.every (shared/base/clock.ts): they can be cancelled and faked',
  },
];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'tests/fixtures/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { n: node },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'n/no-process-env': 'error',
      'no-restricted-syntax': ['error', ...timeBans],
      'max-lines': ['error', { max: 400, skipComments: true, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 80, skipComments: true, skipBlankLines: true }],
      complexity: ['error', 16],
      'max-depth': ['error', 4],
      'max-params': ['error', 4],
    },
  },
  {
    files: ['master/**/*.ts', 'worker/**/*.ts', 'shared/**/*.ts'],
    ignores: ['master/cli/output.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['shared/domain/**/*.ts'],
    rules: { 'no-restricted-globals': ['error', 'process', 'Buffer', 'console', 'setTimeout'] },
  },
  {
    // winston declares its transports as interfaces with a construct signature, which this rule takes for a wrong class
    files: ['shared/base/log.ts'],
    rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' },
  },
  {
    files: ['shared/base/clock.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['shared/base/env.ts'],
    rules: { 'n/no-process-env': 'off' },
  },
  {
    files: ['tests/**/*.ts', 'scripts/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
      'n/no-process-env': 'off',
      'no-restricted-syntax': 'off',
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 600, skipComments: true, skipBlankLines: true }],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        module: 'writable',
        require: 'readonly',
      },
    },
  },
  prettier,
);
