import { mainJob } from './main-job.ts'

mainJob('bookworm', 'registry:2.8.3')
