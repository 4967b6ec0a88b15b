"""Everyday questions for the lines of statements: (kind, pattern of the row's label, pattern of its section, questions).

`{c}` is the company, `{t}` the time. Written before any answer of the engine was seen; no question uses the row's own words.
"""
B, I, C, O, E = "balance", "income", "cash", "comprehensive", "equity"
LINES = [
 # income statement
 (I, r"^(total net (sales|revenue)|net revenue|total revenue|revenue)$", "", [
  "How much did {c} take in from its customers altogether {t}?", "What did everything {c} sold come to {t}?", "How big were {c}'s takings {t}?"]),
 (I, r"^(cost of sales|total cost of (sales|revenue)|cost of revenue)$", "", [
  "What did it cost {c} to make and deliver what customers bought {t}?", "How much did the goods and services that {c} sold cost it {t}?", "What were {c}'s direct production bills {t}?"]),
 (I, r"^gross (margin|profit)$", "", [
  "What remained for {c} after paying for the things it sold {t}?", "How much was left of {c}'s takings once production was paid for {t}?", "How much did {c} keep after the cost of its goods {t}?"]),
 (I, r"^products?( revenue)?$|^net product sales$", "^(net sales|revenue)|^$", [
  "How much did {c} bring in from physical goods {t}?", "What did {c} get for the goods it sold, services aside, {t}?"]),
 (I, r"^services?( and other)?$|^net service sales$", "^(net sales|revenue)|^$", [
  "How much did {c} collect for services rather than goods {t}?", "What did {c} bring in with services {t}?"]),
 (I, r"^research(,)? (and )?development", "", [
  "How much did {c} put into inventing new things {t}?", "What did {c}'s engineers and laboratories cost {t}?", "How much did {c} invest in innovation {t}?"]),
 (I, r"^(marketing|selling|sales)(, |, and | and )general,? and administrative|^selling, general", "", [
  "What did selling and office work together cost {c} {t}?", "How much went on {c}'s salespeople and head office {t}?"]),
 (I, r"^general and administrative$", "", [
  "What did back-office work cost {c} {t}?", "How much did {c}'s headquarters staff, lawyers and accountants cost {t}?"]),
 (I, r"^sales and marketing$", "", [
  "How much did {c} spend on winning customers {t}?", "What did advertising and the sales force cost {c} {t}?"]),
 (I, r"^fulfillment$", "", [
  "How much did running warehouses and packing orders cost {c} {t}?", "What did {c} spend on getting parcels ready for buyers {t}?"]),
 (I, r"^technology and content|^technology and infra", "", [
  "What did {c} spend on its websites, software and servers {t}?", "How much did {c} put into its platform and engineers {t}?"]),
 (I, r"^restructuring", "", [
  "What did layoffs and reorganizing cost {c} {t}?", "How much was {c} charged for job cuts {t}?"]),
 (I, r"^acquisition termination", "", [
  "What did the collapsed takeover cost {c} {t}?", "How much did {c} lose over the deal that was called off {t}?"]),
 (I, r"^other operating (expense|income)", "", [
  "What did the sundry running items come to at {c} {t}?"]),
 (I, r"^total operating expenses$", "", [
  "What did all of {c}'s running costs come to {t}?", "How much did {c} spend on running the business, everything counted, {t}?"]),
 (I, r"^operating income|^operating (loss|income \(loss\))", "", [
  "How much did {c} earn from its main business {t}?", "What did {c}'s core business make before interest and taxes {t}?", "How much profit did {c} make from its day-to-day business {t}?"]),
 (I, r"^interest expense$", "", [
  "What did borrowing cost {c} {t}?", "How much did {c} have to pay its lenders for their money {t}?"]),
 (I, r"^interest income$", "", [
  "How much did {c} earn on its savings {t}?", "What did {c} get on the money it had lying in banks and bonds {t}?"]),
 (I, r"^(other income|interest and other)", "", [
  "What did {c} make outside its actual business {t}?", "What did things that have nothing to do with operations add to {c}'s profit {t}?"]),
 (I, r"^gains? \(loss(es)?\) on equity investments", "", [
  "How much did {c} gain or lose on its stakes in other companies {t}?", "What did {c}'s shareholdings in other firms do to its profit {t}?"]),
 (I, r"^income (\(loss\) )?before (provision|income|taxes|tax)", "", [
  "How much did {c} earn before the taxman took his share {t}?", "What was {c}'s profit ahead of taxes {t}?"]),
 (I, r"^(provision for|income tax|benefit)", "", [
  "How much tax was {c} charged on its profit {t}?", "What was {c}'s bill from the tax office {t}?", "How much did the government take of {c}'s profit {t}?"]),
 (I, r"^net income( \(loss\))?$", "", [
  "What was left for {c} after every cost and tax {t}?", "How much money did {c} actually make when all was paid {t}?", "What was {c}'s final profit {t}?"]),
 (I, r"^net income.* attributable to intel", "", ["How much of the profit belonged to {c}'s own shareholders {t}?"]),
 (I, r"^net income.* attributable to non", "", ["How much of {c}'s result went to outside co-owners {t}?"]),
 (I, r"^basic|basic$|^basic earnings", "^(earnings|net income)|^$", [
  "What did one {c} share earn, options not counted, {t}?", "How much profit fell on each existing share of {c} before dilution {t}?"]),
 (I, r"^diluted|diluted$", "^(earnings|net income)|^$", [
  "What did {c} earn for each share once options are counted {t}?", "How much profit was there per share at {c} after dilution {t}?"]),
 (I, r"^basic", "shares", ["How many {c} shares were there on average, options aside, {t}?"]),
 (I, r"^diluted", "shares", ["How many shares of {c} were there on average with options counted in {t}?"]),
 # balance sheet
 (B, r"^cash and cash equivalents$", "", [
  "How much ready money did {c} have {t}?", "What did {c} have in the bank {t}?", "How much money could {c} spend right away {t}?"]),
 (B, r"^(marketable securities|short-term investments)$", "current assets|^$", [
  "How much did {c} hold in investments that it could sell within a year {t}?", "What was parked in easily sold securities at {c} {t}?"]),
 (B, r"^marketable securities$", "non-current", ["How much had {c} put into securities it meant to keep longer than a year {t}?", "What were the securities worth that {c} held for the long haul {t}?"]),
 (B, r"^total cash, cash equivalents", "", ["How much did {c} have in ready money and short investments together {t}?"]),
 (B, r"^accounts receivable", "", [
  "How much did customers still owe {c} {t}?", "What had {c} billed but not yet been paid {t}?", "How much money was {c} waiting to get from buyers {t}?"]),
 (B, r"^vendor non-trade", "", ["How much was due to {c} from the manufacturers that buy parts from it {t}?", "What did suppliers owe {c} {t}?"]),
 (B, r"^inventor", "", [
  "What were {c}'s unsold goods worth {t}?", "How much was tied up in stock at {c} {t}?", "What did {c} have lying in its warehouses {t}?"]),
 (B, r"^prepaid expenses", "", ["How much had {c} paid ahead of time {t}?", "What bills had {c} settled in advance {t}?"]),
 (B, r"^other current assets$", "", ["What did {c}'s remaining short-term belongings come to {t}?", "How much did {c} hold in sundry assets that turn into cash within a year {t}?"]),
 (B, r"^total current assets$", "", [
  "How much did {c} own that would turn into cash within a year {t}?", "What were all of {c}'s short-term assets worth {t}?"]),
 (B, r"^property(,)? ", "", [
  "What were {c}'s buildings and machines worth {t}?", "How much were {c}'s land, plants and gear valued at {t}?"]),
 (B, r"^operating lease(s| assets| right)", "", ["What was {c}'s right to use rented space worth {t}?", "At what value did {c} carry the places it rents {t}?"]),
 (B, r"^equity (and other )?investments$", "", ["What were {c}'s stakes in other companies worth {t}?", "At how much did {c} value its shareholdings in other firms {t}?"]),
 (B, r"^goodwill$", "", ["How much had {c} paid over the fair value of the firms it bought, as still on the books {t}?", "What premium for past takeovers stood in {c}'s books {t}?"]),
 (B, r"intangible assets", "", ["What were {c}'s patents, brands and licences worth {t}?", "How much were {c}'s acquired know-how and trademarks valued at {t}?"]),
 (B, r"^deferred (income )?tax assets$", "", ["How much in future tax relief did {c} have on its books {t}?", "What tax savings still to come did {c} carry {t}?"]),
 (B, r"^other (non-current assets|long-term assets|assets)$", "", ["What did {c}'s remaining long-lived belongings come to {t}?", "How much did sundry things kept for years add to what {c} owned {t}?"]),
 (B, r"^total non-current assets$", "", ["How much did {c} own that it would keep longer than a year {t}?"]),
 (B, r"^total assets$", "", [
  "What was everything that {c} owned worth {t}?", "How much did {c} own in all {t}?"]),
 (B, r"^accounts payable$", "", [
  "How much did {c} owe its suppliers {t}?", "What bills from vendors had {c} not paid yet {t}?", "How much was {c} still due to pay for things it had bought on credit {t}?"]),
 (B, r"^accrued compensation", "", ["How much did {c} owe its staff {t}?", "What pay and bonuses were still due to {c}'s people {t}?"]),
 (B, r"^accrued (expenses|and other|liabilities)", "", ["What costs had {c} run up without having paid them {t}?", "How much did {c} owe for expenses it had not been billed for {t}?"]),
 (B, r"^(short-term income taxes|income taxes payable)$", "current", ["How much did {c} owe the tax office in the near term {t}?", "What did {c} still have to pay the taxman within a year {t}?"]),
 (B, r"^long-term income taxes$", "", ["How much tax did {c} owe that fell due only after a year {t}?"]),
 (B, r"^(short-term unearned revenue|unearned revenue|deferred revenue)$", "", [
  "How much had customers paid {c} for things not delivered yet {t}?", "What money had {c} taken in advance of the work {t}?"]),
 (B, r"^long-term unearned revenue$", "", ["How much had customers paid {c} for what it would deliver only after more than a year {t}?"]),
 (B, r"^other (current liabilities|accrued liabilities)$", "", ["What did {c}'s sundry obligations due within a year come to {t}?"]),
 (B, r"^total current liabilities$", "", [
  "How much did {c} have to pay within the next twelve months {t}?", "What did all of {c}'s short-term obligations add up to {t}?"]),
 (B, r"^commercial paper$", "", ["How much had {c} borrowed on short notes sold to investors {t}?"]),
 (B, r"^(current portion of long-term debt|short-term debt|term debt)$", "current liabilities|^$", ["How much of {c}'s borrowing had to be paid back within a year {t}?", "What loans were coming due soon at {c} {t}?"]),
 (B, r"^(long-term debt|term debt|debt)$", "non-current|long-term|^$", ["How much had {c} borrowed that need not be paid back within a year {t}?", "What did {c} owe on bonds due in later years {t}?"]),
 (B, r"lease liabilities$", "", ["How much future rent did {c} owe on its leases {t}?", "What did {c} owe its landlords in the long run {t}?"]),
 (B, r"^deferred income taxes$", "", ["What taxes had {c} put off into the future {t}?"]),
 (B, r"^other (non-current|long-term) liabilities$", "", ["What did {c}'s sundry obligations due after a year come to {t}?", "How much did {c} owe in remaining long-dated items {t}?"]),
 (B, r"^total non-current liabilities$", "", ["How much did {c} owe in all that was due only after a year {t}?"]),
 (B, r"^total liabilities$", "", [
  "How much did {c} owe in all {t}?", "What did everything {c} owed to others add up to {t}?"]),
 (B, r"^common stock and", "", ["How much had owners put into {c} for their shares {t}?", "What had {c} raised from shareholders over the years, as on its books {t}?"]),
 (B, r"^additional paid-in capital$", "", ["How much had investors paid {c} above the face value of their shares {t}?"]),
 (B, r"^treasury stock", "", ["What had {c} paid for the own shares it held back {t}?"]),
 (B, r"^(retained earnings|accumulated deficit)", "", [
  "How much of its past profits had {c} kept {t}?", "What earnings had {c} saved up rather than paid out {t}?"]),
 (B, r"^accumulated other comprehensive", "", ["How much in gains or losses that bypass profit had piled up at {c} {t}?", "What paper gains and losses stood in the owners' share of {c} {t}?"]),
 (B, r"^total (stockholders|shareholders).{1,2} equity$", "", [
  "How much of {c} belonged to its owners {t}?", "What was {c} worth on its books after all debts {t}?", "What was the owners' stake in {c} {t}?"]),
 (B, r"^non-?controlling interests?$", "", ["What was the stake of outside owners in {c}'s subsidiaries worth {t}?"]),
 (B, r"^total liabilities and", "", ["What did {c}'s debts and its owners' share add up to {t}?"]),
 # cash flow
 (C, r"^(cash generated by|net cash (from|provided by|provided by \(used in\))) operat|^net cash provided by operating", "", [
  "How much cash did {c}'s everyday business bring in {t}?", "What cash came out of running the business at {c} {t}?"]),
 (C, r"^depreciation", "", ["How much value did {c}'s equipment lose through use and age {t}?", "What was charged at {c} for wear and tear {t}?"]),
 (C, r"^(share|stock)-based compensation", "", ["How much pay did {c} hand out in its own stock {t}?", "What were the shares worth that {c} gave its people {t}?"]),
 (C, r"^deferred (income )?tax", "adjustment|^$", ["How much of the taxes in {c}'s profit was a matter of later years, as taken out of its cash {t}?"]),
 (C, r"^accounts receivable", "change", ["How much cash did {c} gain or lose because customers paid faster or slower {t}?", "What effect did unpaid customer bills have on {c}'s cash {t}?"]),
 (C, r"^inventor", "change", ["How much cash went into or came out of {c}'s stock of goods {t}?", "What did building up or running down stock do to {c}'s cash {t}?"]),
 (C, r"^accounts payable", "change", ["How much did paying suppliers sooner or later change {c}'s cash {t}?", "What effect did unpaid supplier bills have on {c}'s cash {t}?"]),
 (C, r"^(unearned|deferred) revenue", "change", ["What did payments in advance by customers add to or take from {c}'s cash {t}?"]),
 (C, r"^vendor non-trade", "change", ["What did sums due from manufacturers do to {c}'s cash {t}?"]),
 (C, r"^accrued (compensation|expenses|and other)", "change", ["What did costs run up but unpaid do to {c}'s cash {t}?"]),
 (C, r"^(payments|purchases?|additions).*(property|equipment)", "", [
  "How much did {c} spend on buildings and machines {t}?", "What did {c} put into new plants and gear {t}?"]),
 (C, r"^purchases of (marketable securities|investments|short-term)", "", ["How much did {c} put into securities {t}?", "What did {c} spend on buying bonds and other paper {t}?"]),
 (C, r"^proceeds from maturities", "", ["How much did {c} get back when its securities came due {t}?", "What cash did {c} receive from bonds that ran out {t}?"]),
 (C, r"^maturities (and sales )?of (investments|short-term|marketable)", "", ["How much did {c} get back when its investments ran out {t}?"]),
 (C, r"^(proceeds from )?sales (and maturities )?of (marketable securities|investments)", "", ["How much did {c} get for securities it sold {t}?"]),
 (C, r"^(payments made in connection with|acquisitions?|acquisition of)", "", ["How much did {c} pay for companies it bought {t}?", "What did {c} spend on takeovers {t}?"]),
 (C, r"(cash|net cash).*investing( activities)?$", "^(?!.*financ)", ["How much cash went into or came from {c}'s long-term investing in all {t}?", "What was the net cash that {c} laid out on investments {t}?"]),
 (C, r"repurchase", "", ["How much did {c} spend on buying back its own shares {t}?", "What did {c} pay to take its own stock off the market {t}?"]),
 (C, r"dividends", "", ["How much did {c} pay out to its shareholders {t}?", "What cash did {c} hand to its owners as a payout {t}?"]),
 (C, r"^(proceeds from issuance of|issuance of) (term debt|long-term debt|debt$|debt, net)|^proceeds from long-term debt", "", ["How much new money did {c} borrow for the long term {t}?", "What did {c} raise by selling bonds {t}?"]),
 (C, r"^(repayments? of (term debt|long-term debt|debt|short-term)|debt repayment)", "", ["How much of its loans did {c} pay back {t}?", "What did {c} spend on paying off borrowed money {t}?"]),
 (C, r"commercial paper", "", ["How much did {c} raise or pay back on short notes, net, {t}?"]),
 (C, r"principal repayments of finance leases", "", ["How much did {c} pay down on leased equipment it will own {t}?"]),
 (C, r"^(payments.*tax.*(net share|restricted)|payments related to tax)", "", ["How much did {c} pay the tax office for its people's share awards {t}?"]),
 (C, r"^(proceeds.*(issuance|sale)s? of common stock|common stock issued|proceeds related to employee)", "", ["What did {c} get from staff buying its shares {t}?", "How much did {c} raise with new shares {t}?"]),
 (C, r"(cash|net cash).*financing( activities)?$", "", ["How much cash did {c} net from or pay to lenders and owners {t}?"]),
 (C, r"exchange rate", "", ["How much did currency swings change {c}'s cash {t}?"]),
 (C, r"^(increase|decrease|net increase|net change|change in cash).*cash", "", ["By how much did {c}'s cash pile grow or shrink {t}?"]),
 (C, r"^cash,? .*beginning", "", ["How much cash did {c} start out with {t}?"]),
 (C, r"^cash,? .*end", "", ["How much cash was {c} left with at the close {t}?"]),
 (C, r"^cash paid for (income )?tax", "", ["How much money did {c} really hand over in taxes {t}?"]),
 (C, r"^cash paid for interest", "", ["How much money did {c} really hand over to lenders for their loans {t}?"]),
 # comprehensive income
 (O, r"comprehensive income( \(loss\))?$|^comprehensive income", "^(?!.*other)", ["What was {c}'s result with paper gains and losses counted in {t}?", "How much did {c} earn when gains that bypass profit are counted {t}?"]),
 (O, r"^total other comprehensive|^other comprehensive (income|loss)", "", ["What did gains and losses that bypass profit come to at {c} {t}?"]),
 (O, r"foreign currency translation|translation adjustment", "", ["How much did converting foreign units' books change {c}'s result outside profit {t}?", "What paper gain or loss did {c} have from exchange rates on its foreign business {t}?"]),
 # equity
 (E, r"dividends", "", ["What payouts did {c}'s board promise shareholders {t}?"]),
]

RATIOS = [
 ("How many times over could {c} pay what falls due within a year with what turns into cash within a year, {t}?", B, "total current assets", "/", "total current liabilities"),
 ("What was the current ratio of {c} {t}?", B, "total current assets", "/", "total current liabilities"),
 ("What share of everything {c} owned was financed by its owners {t}?", B, "equity", "%", "total assets"),
 ("How much of every dollar taken in did {c} keep after the cost of goods, in percent, {t}?", I, "gross", "%", "revenue"),
 ("What was {c}'s gross margin percentage {t}?", I, "gross", "%", "revenue"),
 ("What was {c}'s operating margin {t}?", I, "operating income", "%", "revenue"),
 ("What share of its takings did {c} keep as final profit {t}?", I, "net income", "%", "revenue"),
 ("What share of its sales did {c} put into research {t}?", I, "research", "%", "revenue"),
 ("At what rate was {c}'s profit taxed {t}?", I, "tax", "%", "pretax"),
 ("By how many percent did {c}'s takings grow or shrink {t} compared with a year earlier?", I, "revenue", "growth", ""),
 ("How much more or less did {c} earn from its main business {t} than a year earlier?", I, "operating income", "diff", ""),
 ("By what percentage did {c}'s final profit change {t} against the same period a year before?", I, "net income", "growth", ""),
 ("How much bigger or smaller were {c}'s takings {t} than a year earlier, in dollars?", I, "revenue", "diff", ""),
 ("How much bigger was everything {c} owned than everything it owed {t}?", B, "total assets", "-", "total liabilities"),
 ("What was {c}'s working capital {t}?", B, "total current assets", "-", "total current liabilities"),
 ("What was {c}'s free cash flow {t}?", C, "operating cash", "-", "capex"),
]

UNANSWERABLE = [
 "What did fulfillment cost Microsoft {q}?", "How much did Apple spend on running warehouses and packing orders in the three months ended December 31, 2022?",
 "How much ready money did Apple have on April 30, 2021?", "What was everything that Tesla owned worth on June 30, 2023?",
 "How much did Alphabet take in from its customers in the quarter ended June 30, 2023?", "How much did customers still owe Apple on May 15, 2023?",
 "What were Amazon's unsold goods worth on August 31, 2023?", "How much did Nvidia put into inventing new things in March 2023?",
 "What was Microsoft's final profit in the three months ended August 31, 2022?", "How much did Intel pay out to its shareholders in the three months ended July 1, 2017?",
 "What did layoffs and reorganizing cost Apple in the three months ended July 1, 2023?", "How much did Amazon pay out to its shareholders as dividends in the six months ended June 30, 2023?",
 "How much did Meta owe its suppliers on June 30, 2023?", "What did Apple take in from its customers in Texas in the three months ended July 1, 2023?",
 "How much did Microsoft's bakeries earn in the three months ended March 31, 2023?", "What did the collapsed takeover cost Amazon in the three months ended March 31, 2023?",
 "How much premium for past takeovers stood in Apple's books on July 1, 2023?", "How much was due to Nvidia from the manufacturers that buy parts from it on July 30, 2023?",
 "What were Intel's unsold goods worth on February 14, 2023?", "How much did Apple owe its suppliers on December 31, 2019?",
 "What did one Amazon share earn in 2015?", "How much did Nvidia spend on buildings and machines in the twelve months ended October 29, 2023?",
 "What was Apple's final profit in July 2023?", "How many people did Nvidia lay off in the three months ended July 30, 2023?",
 "What did Microsoft pay for its electricity in the three months ended March 31, 2023?", "How much did Intel borrow from the World Bank in the six months ended July 1, 2023?",
 "What was the wage bill of Amazon's drivers in the three months ended June 30, 2023?", "How much did Apple spend on buying back its own shares in the month of May 2023?",
 "How much money did Netflix actually make when all was paid in the three months ended June 30, 2023?", "What was Oracle's current ratio on May 31, 2023?",
 "What did Apple's satellites bring in in the three months ended July 1, 2023?", "How much did Nvidia's customers still owe it on July 30, 2018?",
]
