/**
 * Where a failure is explained: the headings of docs/troubleshooting.md, each by the name that the sources use.
 *
 * A heading is also the title of the annotation, which GitHub does not mask: it must be the same for everybody.
 */
export const topics = {
  key: 'The SSH key can’t be used',
  hostKey: 'The host key is missing or different',
  users: 'Users, passwords and access',
  ownCertificate: 'Your own certificate is not accepted',
  imageName: 'The name of an image or tag is not valid',
  input: 'An input is missing or wrong',
  busy: 'Another run is at work',
  samePush: 'Somebody else is pushing the same tag',
  immutable: 'A tag would move',
  keep: 'Retention keeps too little or can’t be applied',
  diskFull: 'The disk is full',
  clock: 'The server’s clock is wrong',
  runnerProgram: 'The runner lacks a program',
  runnerDocker: 'The runner’s Docker does not answer',
  runnerLogin: 'The runner’s Docker can’t be logged in',
  login: 'The server refuses the SSH login',
  sudo: 'Berth can’t become root',
  connectionLost: 'The connection was lost',
  connection: 'SSH does not reach the server',
  serverDocker: 'Docker does not start on the server',
  packageManager: 'Another package manager is at work',
  serverProgram: 'A program is missing on the server',
  port: 'A port is taken',
  folder: 'A folder on the server belongs to somebody else',
  rival: 'The server already has another site or registry',
  nginx: 'nginx refuses its configuration',
  noRegistry: 'The server has no registry yet',
  authority: 'The certificate authority issues no certificate',
  authorityView: 'The certificate authority sees something else',
  trust: 'A private authority is not trusted',
  renewal: 'The certificate is not renewed',
  servedCertificate: 'The wrong certificate is served',
  github: 'Berth can’t write on GitHub',
  dnsRecord: 'The record in DNS can’t be set',
  servers: 'One of several servers is left behind',
  dns: 'DNS does not point to the server',
  port80: 'Port 80 can’t be reached',
  registryStart: 'The registry does not start',
  bucket: 'The object storage refuses or does not answer',
  registryLogin: 'The registry refuses a user',
  pushRights: 'A user may not push',
  proxy: 'A proxy limits the size of uploads',
  imageMissing: 'The image is missing',
  endpoint: 'The registry does not answer',
  push: 'A push stops halfway',
  step: 'A step on the server failed',
} as const

export type Topic = keyof typeof topics

/** What went wrong, in a sentence: the cause, a semicolon, what to do. */
export class Failure extends Error {
  /** `undefined` for an error that nobody expected. */
  readonly topic: Topic | undefined

  constructor(topic: Topic | undefined, sentence: string) {
    super(sentence)
    this.topic = topic
  }
}

/** Several failures as one, with the topic of the first. `undefined` if there are none. */
export function joined(failures: readonly Failure[]): Failure | undefined {
  const [first] = failures
  return first && new Failure(first.topic, failures.map(({ message }) => message).join('\n'))
}

/** Whatever was thrown, as a failure. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  return new Failure(undefined, error instanceof Error ? error.message : String(error))
}

/** The job was cancelled, so nothing that went wrong afterwards means anything. */
export class Cancelled extends Failure {
  constructor() {
    super('connectionLost', 'the run was cancelled; run the workflow again')
  }
}

/** Every mistake in the inputs, each beginning with the input’s name. */
export class InputError extends Error {
  readonly mistakes: readonly Failure[]

  constructor(mistakes: readonly Failure[]) {
    super(mistakes.map(({ message }) => message).join('\n'))
    this.mistakes = mistakes
  }
}
