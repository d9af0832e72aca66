"""The procedures that come with the program, for every kind that opens alerts; sites replace them with their own.

Steps are required where people are in danger (a forced door, a duress code): elsewhere one key closes
an alert, until a supervisor requires more.
"""

from __future__ import annotations

from aggregator.domain.shift.step import Step


def _must(en: str, zh: str) -> Step:
    return Step(en=en, zh_CN=zh, required=True)


def _may(en: str, zh: str) -> Step:
    return Step(en=en, zh_CN=zh)


_LOOK = _may("Look at the picture and the live view.", "查看抓拍图片和实时画面。")
_GUARD = _may("Send the guard on duty to look.", "通知值班保安到现场查看。")
_POLICE = _may("Somebody is in danger: call 110.", "有人身危险时拨打110报警。")
_INSTALLER = _may(
    "Tell the installer: camera, since when, what the picture shows.", "通知维护人员：哪个摄像头、从何时起、画面情况。"
)
_NEIGHBOURS = _may("See whether other devices of the same box are affected.", "查看同一边缘盒的其他设备是否也有故障。")
_WATCH = _may("Have the place watched until it works again.", "恢复之前安排人员巡查该处。")
_DOOR = _may("Look at the camera that sees the door.", "查看门口摄像头画面。")
_BOX = _may("Tell the installer: box, time, text of the alert.", "通知维护人员：哪台边缘盒、时间、告警内容。")
_CAMERA_FAULT = (_LOOK, _GUARD, _INSTALLER)
_DISK = (_BOX, _may("Back up footage that is needed (hold or clip).", "需要的录像先锁定或导出。"))

_AWAY = (_may("Is the network or the power of the site down?", "确认现场是否断网或停电。"), _WATCH, _BOX)
DEFAULTS: dict[str, tuple[Step, ...]] = {
    "zone.entered": (_LOOK, _GUARD, _POLICE),
    "zone.loitering": (_LOOK, _may("Speak to the person, or send the guard.", "喊话询问，或通知保安前往。"), _POLICE),
    "zone.crowded": (
        _LOOK,
        _may("Count: is it a danger or an ordinary gathering?", "判断是否有拥挤危险，还是正常聚集。"),
        _may("Send guards; open a second way out.", "派保安疏导，必要时开放其他出口。"),
    ),
    "zone.blocked": (
        _LOOK,
        _may("Have the way cleared: call the owner or the guard.", "联系车主或通知保安，清空通道。"),
        _may("The fire lane stays blocked: report it to the fire service.", "消防通道持续占用的，上报消防部门。"),
    ),
    "line.crossed": (_LOOK, _GUARD),
    "door.denied": (_DOOR, _may("Ask the person what they need, by the intercom.", "通过对讲询问来人事由。")),
    "door.forced": (
        _DOOR,
        _must("Send the guard to the door.", "通知保安立即到门口查看。"),
        _POLICE,
        _must("Have the door closed and locked.", "确认门已关好、锁好。"),
    ),
    "door.held": (_DOOR, _may("Have the door closed.", "通知关门。")),
    "door.duress": (
        _must("Do not call the person; look at the camera.", "不要直接联系当事人，先查看画面。"),
        _must("Call 110: duress code, place, time.", "拨打110：说明胁迫报警、地点和时间。"),
        _must("Tell the supervisor.", "报告主管。"),
    ),
    "door.offline": (
        _DOOR,
        _may("Have somebody check that the door locks.", "派人确认门能否正常锁闭。"),
        _may("Tell the installer: door, since when.", "通知维护人员：哪个门、从何时起。"),
    ),
    "door.tailgated": (_DOOR, _may("Find out who came in without a card.", "核实未刷卡进入的人员。"), _GUARD),
    "door.granted": (
        _DOOR,
        _may("Have the card taken away: it is revoked.", "收回该卡：已注销。"),
        _may("Tell the installer: the controller does not know the list.", "通知维护人员：控制器未同步名单。"),
    ),
    "vehicle.barred": (
        _LOOK,
        _may("Keep the barrier closed, tell the guard at the gate.", "不要抬杆，通知门岗。"),
        _may("Tell the person who barred the vehicle.", "告知设置禁入的人员。"),
    ),
    "camera.lost": (_NEIGHBOURS, _WATCH, _INSTALLER),
    "camera.covered": _CAMERA_FAULT,
    "camera.frozen": (_NEIGHBOURS, _WATCH, _INSTALLER),
    "camera.moved": _CAMERA_FAULT,
    "camera.defocused": (_LOOK, _INSTALLER),
    "footage.gap": (_BOX, _may("Write the gap into the shift's notes.", "在值班记录中注明录像缺失时段。")),
    "footage.at_risk": _DISK,
    "footage.held": (_may("See who keeps the footage, and why.", "核实由谁锁定录像及原因。"),),
    "footage.erased": (_may("See that it was meant: time, camera, who.", "核实删除是否正常：时间、摄像头、操作人。"),),
    "disk.full": _DISK,
    "disk.changed": (_may("Ask whether the installer has replaced the disk.", "询问是否由维护人员更换硬盘。"), *_DISK),
    "outbox.lost": (_BOX, _may("Check the connection of the box.", "检查该边缘盒的网络连接。")),
    "clock.stepped": (_BOX,),
    "box.config_rejected": (_BOX,),
    "box.lost": _AWAY,
    "uplink.lost": _AWAY,
}  # fmt: skip
