"""Everything that the dashboard says, in every language that it speaks. One table; a test compares the keys."""

from __future__ import annotations

from aggregator.web.dashboard.i18n import catalog

Texts = dict[str, str]

LANGUAGES: dict[str, str] = {"en": "English", "zh-CN": "简体中文"}
"""Code → what the language calls itself."""

_KINDS: dict[str, tuple[str, str]] = {
    "zone.entered": ("Zone entered", "进入区域"),
    "zone.entered.two-wheeler": ("Two-wheeler in a prohibited zone", "电动车/自行车进入禁入区域"),
    "zone.left": ("Zone left", "离开区域"),
    "zone.loitering": ("Loitering", "长时间逗留"),
    "zone.crowded": ("Crowding", "人员聚集"),
    "zone.blocked": ("Passage blocked", "通道被占"),
    "line.crossed": ("Line crossed", "越线"),
    "door.granted": ("Door: access granted", "门禁：准许通过"),
    "door.denied": ("Door: access denied", "门禁：拒绝通过"),
    "door.forced": ("Door forced", "门被强行打开"),
    "door.held": ("Door held open", "门长时间未关"),
    "door.closed": ("Door closed", "门已关闭"),
    "door.duress": ("Duress alarm at a door", "胁迫报警"),
    "door.offline": ("Door controller offline", "门禁控制器离线"),
    "door.online": ("Door controller online", "门禁控制器恢复在线"),
    "door.tailgated": ("Tailgating", "尾随通过"),
    "vehicle.registered": ("Registered vehicle", "登记车辆"),
    "vehicle.visitor": ("Visitor's vehicle", "访客车辆"),
    "vehicle.barred": ("Barred vehicle", "禁止通行车辆"),
    "vehicle.unlisted": ("Unlisted vehicle", "未登记车辆"),
    "vehicle.unreadable": ("Plate not readable", "车牌无法识读"),
    "camera.lost": ("Camera lost", "摄像头失联"),
    "camera.back": ("Camera reconnected", "摄像头恢复"),
    "camera.covered": ("Camera covered", "摄像头被遮挡"),
    "camera.frozen": ("Camera picture frozen", "摄像头画面冻结"),
    "camera.moved": ("Camera moved", "摄像头被移动"),
    "camera.defocused": ("Camera out of focus", "摄像头失焦"),
    "camera.clear": ("Camera picture normal again", "摄像头画面恢复正常"),
    "footage.gap": ("Footage missing", "录像缺失"),
    "footage.at_risk": ("Footage at risk", "录像保存期有风险"),
    "footage.held": ("Footage on hold", "录像已保全"),
    "footage.erased": ("Footage erased", "录像已删除"),
    "footage.exported": ("Footage exported", "录像已导出"),
    "disk.full": ("Disk full", "磁盘已满"),
    "disk.changed": ("Disk replaced", "磁盘已更换"),
    "box.started": ("Box started", "边缘盒启动"),
    "box.stopping": ("Box stopping", "边缘盒停止"),
    "box.config_rejected": ("Box rejected its settings", "边缘盒拒绝了配置"),
    "clock.stepped": ("Box clock changed abruptly", "边缘盒时钟跳变"),
    "outbox.lost": ("Events lost on a box", "边缘盒丢弃了事件"),
}

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Paifang", "牌坊"),
    "tagline": ("Video and access control that identifies nobody", "不识别人员身份的视频与门禁管理"),
    "login": ("Log in", "登录"),
    "login.name": ("Name", "用户名"),
    "login.password": ("Password", "密码"),
    "login.wrong": ("Wrong name, password or code.", "用户名、密码或动态码不正确。"),
    "login.throttled": ("Too many attempts. Wait {seconds} s.", "尝试次数过多，请等待 {seconds} 秒。"),
    "account.old_code": ("Code of the present device, if any", "现有设备的动态码（如有）"),
    "account.new_code": ("Code of the new device", "新设备的动态码"),
    "part.failed": ("This item cannot be shown. See the log for the reason.", "此部分无法显示，原因见日志。"),
    "login.keys": (
        "The second factor cannot be read: keys.json is missing or is not the one of this database. Restore it.",
        "无法读取动态码：keys.json 缺失或与数据库不符，请从备份恢复。",
    ),
    "login.failed": ("Log-in is temporarily unavailable.", "暂时无法登录。"),
    "logout": ("Log out", "退出"),
    "theme": ("Light or dark theme", "切换明暗"),
    "alerts": ("Alerts", "告警"),
    "alerts.work": ("Open", "待处理"),
    "alerts.all": ("All", "全部"),
    "alerts.none": ("No open alerts. New alerts appear automatically.", "暂无待处理告警，新告警会自动出现。"),
    "alerts.more": (
        "{count} more alerts are not shown. All are less urgent than these.",
        "另有 {count} 条告警未显示，紧急程度均低于以上告警。",
    ),
    "acknowledge": ("Acknowledge", "确认"),
    "resolve": ("Resolve", "处理完毕"),
    "count": ("{count} times", "{count} 次"),
    "since": ("since {time}", "自 {time}"),
    "no_picture": ("No picture", "无图片"),
    "picture": ("Blurred picture: {kind}, {camera}", "已模糊处理的图片：{kind}，{camera}"),
    "by": ("by {name}", "{name}"),
    "failed": ("Could not be saved. Try again.", "未能保存，请重试。"),
    "cameras": ("Cameras", "摄像头"),
    "cameras.none": ("No box has reported cameras yet.", "尚无边缘盒上报摄像头。"),
    "boxes": ("Boxes", "边缘盒"),
    "boxes.none": ("No box has reported yet.", "尚无边缘盒上报。"),
    "box.online": ("online", "在线"),
    "box.offline": ("offline", "离线"),
    "box.waiting": ("{count} waiting", "待发 {count}"),
    "box.missing": ("{count} missing", "缺失 {count}"),
    "box.lost": ("{count} lost", "丢失 {count}"),
    "quarantine": ("Quarantined messages: {count}", "隔离消息：{count}"),
    "health.good": ("All components normal", "各组件正常"),
    "health.broker": ("No connection to the broker", "未连接消息代理"),
    "health.store": ("The database cannot be written", "数据库无法写入"),
    "health.ingest": ("Event ingestion has stopped", "事件接收停滞"),
    "severity.low": ("Low", "低"),
    "severity.medium": ("Medium", "中"),
    "severity.high": ("High", "高"),
    "severity.critical": ("Critical", "紧急"),
    "state.open": ("Open", "待确认"),
    "state.acknowledged": ("Acknowledged", "已确认"),
    "state.resolved": ("Resolved", "已解决"),
    "camera.state.up": ("working", "正常"),
    "camera.state.lost": ("lost", "失联"),
    "camera.state.covered": ("covered", "被遮挡"),
    "camera.state.frozen": ("frozen", "画面冻结"),
    "camera.state.moved": ("moved", "被移动"),
    "camera.state.defocused": ("out of focus", "失焦"),
    "camera.state.refused": ("wrong user or password", "用户名或密码错误"),
    "camera.state.starting": ("starting", "启动中"),
    "camera.state.unknown": ("unknown", "未知"),
    "gates": ("Gates and doors", "道闸与门禁"),
    "gates.gates": ("Gates", "道闸"),
    "gates.doors": ("Doors", "门禁"),
    "gates.none": ("No box has reported a gate or a door yet.", "尚无边缘盒上报道闸或门禁。"),
    "gate.open": ("Open manually", "手动开闸"),
    "gate.last": ("No passage yet", "尚无通行记录"),
    "gate.opened": ("opened", "已开闸"),
    "gate.closed": ("not opened", "未开闸"),
    "door.unlock": ("Unlock", "开门"),
    "door.since": ("open for {seconds} s", "已开 {seconds} 秒"),
    "door.limit": ("limit {seconds} s", "上限 {seconds} 秒"),
    "door.state.open": ("open", "开启"),
    "door.state.closed": ("closed", "关闭"),
    "door.state.forced": ("forced", "被强行打开"),
    "door.state.held": ("held open", "长时间未关"),
    "door.state.offline": ("offline", "离线"),
    "door.state.unknown": ("unknown", "未知"),
    "reason": ("Reason (logged)", "原因（将被记录）"),
    "done": ("Done.", "已完成。"),
    "cancel": ("Cancel", "取消"),
    "footage": ("Footage", "录像"),
    "footage.none": ("No box has reported a camera yet.", "尚无边缘盒上报摄像头。"),
    "footage.camera": ("Camera", "摄像头"),
    "footage.day": ("Day", "日期"),
    "footage.case": ("Case or purpose (logged)", "案件编号或用途（将被记录）"),
    "footage.show": ("Show", "查看"),
    "footage.play": ("Play", "播放"),
    "footage.pause": ("Pause", "暂停"),
    "footage.kept": ("kept {hours} h", "已保存 {hours} 小时"),
    "footage.missing": ("{count} gaps", "{count} 处缺失"),
    "footage.held": ("{count} holds", "{count} 处保全"),
    "footage.events": ("{count} events", "{count} 个事件"),
    "footage.still": ("Blurred picture of {time}", "{time} 的模糊处理画面"),
    "footage.film": ("Blurred video of {time}", "{time} 的模糊处理录像"),
    "footage.choose": ("Select a time on the timeline.", "请在时间轴上选择时刻。"),
    "lists": ("Lists", "名单"),
    "lists.none": ("This site's list is empty.", "该站点名单为空。"),
    "lists.version": (
        "version {version}, in effect on {count} of {all} boxes",
        "版本 {version}，{all} 个边缘盒中 {count} 个已生效",
    ),
    "lists.site": ("Site", "站点"),
    "lists.kind": ("Type", "类型"),
    "lists.text": ("Plate or card", "车牌或卡号"),
    "lists.standing": ("Status", "状态"),
    "lists.owner": ("Owner", "责任人"),
    "lists.why": ("Reason", "原因"),
    "lists.from": ("Valid from", "生效日期"),
    "lists.until": ("Valid until", "截止日期"),
    "lists.by": ("Entered by", "录入人"),
    "lists.add": ("Add", "添加"),
    "lists.remove": ("Remove", "移除"),
    "lists.export": ("Export as CSV", "导出 CSV"),
    "lists.import": ("Import CSV", "导入 CSV"),
    "lists.imported": ("{added} added, {wrong} rows rejected", "已添加 {added} 条，拒绝 {wrong} 行"),
    "lists.show": ("Show the list (this access is logged)", "查看名单（此次访问将被记录）"),
    "kind.vehicle": ("vehicle", "车辆"),
    "kind.credential": ("card", "卡"),
    "standing.registered": ("registered", "登记"),
    "standing.visitor": ("visitor", "访客"),
    "standing.barred": ("barred", "禁止"),
    "standing.revoked": ("revoked", "作废"),
    "object.person": ("person", "人"),
    "object.bicycle": ("bicycle", "自行车"),
    "object.car": ("car", "汽车"),
    "object.motorcycle": ("motorcycle", "摩托车"),
    "object.bus": ("bus", "巴士"),
    "object.truck": ("truck", "卡车"),
}

_PAGES = catalog.LIVE | catalog.STAFF | catalog.SEARCH | catalog.RELEASES | catalog.RECORD
_ALL = _WORDS | _PAGES | {f"kind.{kind}": text for kind, text in _KINDS.items()}
TEXTS: dict[str, Texts] = {
    code: {key: text[place] for key, text in _ALL.items()} for place, code in enumerate(LANGUAGES)
}
"""Language → key → text; braces are filled by `str.format`."""


def choose(cookie: str | None, accept_language: str) -> str:
    """The language to speak: what was chosen before, else what the browser likes best, else English.

    >>> choose(None, "de, zh;q=0.9, en;q=0.8")
    'zh-CN'
    >>> choose("en", "zh-CN")
    'en'
    """
    if cookie in LANGUAGES:
        return cookie
    liked: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            liked.append((float(quality or 1), tag.lower()))
        except ValueError:
            continue
    for _, tag in sorted(liked, key=lambda pair: -pair[0]):
        for code in LANGUAGES:
            if tag.split("-")[0] == code.split("-")[0]:
                return code
    return "en"
