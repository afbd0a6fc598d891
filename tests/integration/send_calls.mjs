// An app that sends every kind of call by Segment's SDK for node.
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, maxRetries: 3 })
analytics.on('error', (error) => {
  console.error(error)
  process.exitCode = 1
})
const userId = 'u1'
analytics.identify({ userId, traits: { plan: 'pro' } })
analytics.track({ userId, event: 'Order', properties: { total: 5 } })
analytics.track({ anonymousId: 'a1', event: 'Seen' })
analytics.page({ userId, name: 'Intro', properties: { section: 'docs' } })
analytics.screen({ userId, name: 'Home', properties: { tab: 2 } })
analytics.group({ userId, groupId: 'g1', traits: { name: 'Acme' } })
analytics.alias({ userId, previousId: 'a1' })
await analytics.closeAndFlush()
